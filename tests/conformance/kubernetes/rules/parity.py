"""Kubernetes runs what compose runs: images, commands, users, environment, memory."""

import importlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.credentials import EXPORTER_USER_ID, REDIS_EXPORTER_USER_ID
from contracts.services import SERVICES
from database.settings import DatabaseSettings
from housekeeping.settings import HousekeepingSettings
from tests.conformance.kubernetes import differences
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Container, Pod, within
from tests.conformance.test_compose import CONTAINERS

# Their images have no entrypoint, or one that does nothing but start the command: it does not
# matter which of the two fields of Kubernetes holds a word.
_ONE_LINE = ("arloji/service", "arloji/load", "nginx")
# Whom their images run as, where compose leaves it to them.
_USERS_OF_IMAGES = {
    "mysqld-exporter": EXPORTER_USER_ID,
    "redis-exporter": REDIS_EXPORTER_USER_ID,
}
_FIELDS: Mapping[str, Any] = {
    **{
        one.name: importlib.import_module(f"services.{one.package}.settings").Settings.model_fields
        for one in SERVICES
    },
    **dict.fromkeys(("accounts", "migrate", "rights"), DatabaseSettings.model_fields),
    **dict.fromkeys(("housekeeping", "restorer"), HousekeepingSettings.model_fields),
}
Pair = tuple[Pod, Container, str]


def every_container_of_compose_runs(shop: Manifests) -> Iterator[str]:
    here = {name for _, _, name in _pairs(shop)}
    for name in sorted(CONTAINERS.keys() - here - differences.left_out(shop)):
        yield f"{name} is in compose and not here"


def every_container_is_of_compose_or_explained(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            name = _name_in_compose(container)
            if name not in CONTAINERS and container.name not in differences.ONLY_HERE:
                yield f"{pod.reference}/{container.name} is not in compose"


def images_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for pod, container, name in _pairs(shop):
        image = _plain(CONTAINERS[name]["image"])
        found = container.described["image"]
        if found != image and not _is_built_here(found, CONTAINERS[name]):
            yield f"{pod.reference}/{container.name} runs {found}, compose {image}"


def images_are_pinned_by_a_full_tag(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            image = container.described["image"]
            tag = image.rpartition(":")[2]
            # It bears the name of its release, `local` for a checkout.
            built = any(_is_built_here(image, one) for one in CONTAINERS.values())
            ours = built and tag not in ("", "latest")
            if "@" in image or not (ours or re.match(r"v?\d+\.\d+\.\d+", tag)):
                yield f"{pod.reference}/{container.name} runs {image}, which is no full tag"
            if container.described.get("imagePullPolicy", "IfNotPresent") != "IfNotPresent":
                yield f"{pod.reference}/{container.name} does not take an image that is there"


def commands_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for pod, container, name in _pairs(shop):
        if container.name in differences.HOUSEKEEPING:
            continue
        described = CONTAINERS[name]
        entrypoint = [_plain(word) for word in described.get("entrypoint", ())]
        command = [_plain(word) for word in described.get("command", ())]
        image = _repository(described)
        found = (
            list(container.described.get("command", ())),
            list(container.described.get("args", ())),
        )
        same = found == (entrypoint, command)
        if image in _ONE_LINE:
            same = [*found[0], *found[1]] == entrypoint + command
        here = container.name
        if not same and here not in differences.COMMANDS:
            yield f"{pod.reference}/{container.name} is started as {found}, compose: {command}"
        elif here in differences.COMMANDS:
            yield from _different_command(pod, here, entrypoint + command, [*found[0], *found[1]])


def _different_command(pod: Pod, name: str, ours: list[str], found: list[str]) -> Iterator[str]:
    """Word by word, since the order of a flag does not matter."""
    removed, added = differences.COMMANDS[name]
    missing = [word for word in ours if word not in found]
    more = [word for word in found if word not in ours]
    if sorted(missing) != sorted(removed) or sorted(more) != sorted(added):
        yield f"{pod.reference} is started without {missing} and with {more}"


def users_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for pod, container, name in _pairs(shop):
        wanted = str(CONTAINERS[name].get("user", _USERS_OF_IMAGES.get(name))).partition(":")[0]
        of_pod = within(pod.spec, "securityContext", "runAsUser")
        found = within(container.described, "securityContext", "runAsUser", default=of_pod)
        if str(found) != differences.USERS.get(container.name, wanted):
            yield f"{pod.reference}/{container.name} runs as {found}, in compose as {wanted}"


def limits_of_memory_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for pod, container, name in _pairs(shop):
        if container.name in differences.HOUSEKEEPING:
            # By command: a drill takes three times as much as any other.
            continue
        wanted = f"{str(CONTAINERS[name]['mem_limit']).removesuffix('m')}Mi"
        found = within(container.described, "resources", "limits", "memory")
        if found != differences.MEMORY.get(container.name, wanted):
            yield f"{pod.reference}/{container.name} may use {found} of memory, compose {wanted}"


def variables_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for pod, container, name in _pairs(shop):
        wanted = {
            key: _plain(str(value))
            for key, value in CONTAINERS[name].get("environment", {}).items()
        }
        found = shop.environment(pod, container)
        if container.name in differences.HOUSEKEEPING:
            # What both say: each command is told its own part, and how to send telemetry.
            wanted = {key: value for key, value in wanted.items() if key in found}
            found = {key: value for key, value in found.items() if key in wanted}
        explained = differences.explained_variables(shop, container.name)
        for key in sorted(wanted.keys() | found.keys()):
            if found.get(key) != wanted.get(key) and key not in explained:
                yield (
                    f"{pod.reference}/{container.name}: {key} is {found.get(key)!r}, "
                    f"compose {wanted.get(key)!r}"
                )


def variables_are_read(shop: Manifests) -> Iterator[str]:
    for pod in shop.pods:
        for container in pod.containers:
            fields = _FIELDS.get(_name_in_compose(container))
            if fields is None:
                continue
            known = {name.upper() for name in fields}
            for variable in shop.environment(pod, container):
                name = variable.removesuffix("_FILE")
                if name not in known and not name.startswith("OTEL_"):
                    yield f"{pod.reference}/{container.name} is told {name}, which nothing reads"


def services_listen_where_they_are_asked(shop: Manifests) -> Iterator[str]:
    ports = {one.name: one.port for one in SERVICES}
    for pod in shop.servers:
        if pod.name in ports:
            environment = shop.environment(pod, pod.main)
            told = environment.get("PORT")
            if told != str(ports[pod.name]) or list(pod.main.ports.values()) != [ports[pod.name]]:
                yield f"{pod.reference} listens on {told} and declares {pod.main.ports}"
            if environment.get("HOST") != "0.0.0.0":
                yield f"{pod.reference} listens to itself alone"


def _pairs(shop: Manifests) -> Iterator[Pair]:
    for pod in shop.pods:
        for container in pod.containers:
            if (name := _name_in_compose(container)) in CONTAINERS:
                yield pod, container, name


def _repository(described: Mapping[str, Any]) -> str:
    return _plain(described["image"]).rpartition(":")[0]


def _is_built_here(image: str, described: Mapping[str, Any]) -> bool:
    """Whatever the registry and the release (`make image-push`)."""
    wanted = _repository(described)
    return wanted.startswith("arloji/") and image.rpartition(":")[0].endswith(wanted)


def _name_in_compose(container: Container) -> str:
    return differences.OTHER_NAMES.get(container.name, container.name)


def _plain(text: str) -> str:
    """Without compose's own marks: `${NAME:-default}` is the default, `$$` a dollar."""
    return re.sub(r"\$\{\w+:?-?([^}]*)\}", r"\1", text).replace("$$", "$")

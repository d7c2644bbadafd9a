"""Numbers that more than one place says, or that only make sense together."""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contracts.services import SERVICES
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Object, reference, within
from tests.conformance.kubernetes.rendering import ROOT

_FIELDS: Mapping[str, Mapping[str, Any]] = {
    one.name: importlib.import_module(f"services.{one.package}.settings").Settings.model_fields
    for one in SERVICES
}
# Each waits for the next one, and has to be told its failure in time.
_CHAIN = ("frontend", "api-gw", "service-http")
_SHOP_CONF = (ROOT / "ingress/conf/shop.conf").read_text()
_LIMITS = (ROOT / "ingress/rate-limit/on.conf").read_text()
# The consumer's, one for orders and one for checks; and whoever comes besides: the Job, the
# exporter, an operator.
_CONSUMER_CONNECTIONS, _OTHER_CONNECTIONS = 2, 4
_OURS = re.compile(r"(^|/)arloji/(service|housekeeping):")


def timeouts_get_shorter_hop_by_hop(shop: Manifests) -> Iterator[str]:
    """The contract, §1."""
    (edge,) = re.findall(r"proxy_read_timeout (\d+)s;", _SHOP_CONF)
    longest = float(edge)
    for name in _CHAIN:
        pod = next(one for one in shop.servers if one.name == name)
        default = _FIELDS[name]["request_timeout_seconds"].default
        told = shop.environment(pod, pod.main).get("REQUEST_TIMEOUT_SECONDS", default)
        if float(told) >= longest:
            yield f"{pod.reference} answers within {told} s, whoever asks it waits {longest:.0f} s"
        longest = float(told)


def other_edges_have_the_timeouts_of_ours(shop: Manifests) -> Iterator[str]:
    wanted = {
        "read": _one(r"proxy_read_timeout (\w+);"),
        "send": _one(r"proxy_send_timeout (\w+);"),
    }
    for one, name, value in _annotations(shop):
        kind = re.fullmatch(r"nginx(?:\.org|\.ingress\.kubernetes\.io)/proxy-(\w+)-timeout", name)
        if kind and kind[1] in wanted and value.removesuffix("s") + "s" != wanted[kind[1]]:
            yield f"{one}: {name} is {value}, ours {wanted[kind[1]]}"
    for policy in shop.of("ProxySettingsPolicy"):
        for what, limit in wanted.items():
            if (value := within(policy, "spec", "timeout", what)) != limit:
                yield f"{reference(policy)}: {what} is {value}, ours {limit}"


def other_edges_limit_as_ours_does(shop: Manifests) -> Iterator[str]:
    """What nobody may send more often than: pages and orders."""
    wanted = {
        zone: (
            _one(rf"zone={zone}:\w+ rate=(\w+/s)", _LIMITS),
            int(_one(rf"zone={zone} burst=(\d+)")),
        )
        for zone in ("reads", "orders")
    }
    found: list[tuple[str, tuple[Any, Any]]] = []
    for one in shop.of("Ingress"):
        notes = one["metadata"].get("annotations", {})
        if rate := notes.get("nginx.org/limit-req-rate"):
            found.append((reference(one), (rate, int(notes["nginx.org/limit-req-burst"]))))
            ours = int(notes["nginx.ingress.kubernetes.io/limit-rps"])
            times = int(notes["nginx.ingress.kubernetes.io/limit-burst-multiplier"])
            found.append((reference(one), (f"{ours}r/s", ours * times)))
    for one in shop.of("RateLimitPolicy"):
        rules = within(one, "spec", "rateLimit", "local", "rules", default=[])
        found += [(reference(one), (rule["rate"], rule["burst"])) for rule in rules]
    for where, limit in found:
        zone = "orders" if where.endswith("-orders") else "reads"
        if limit != wanted[zone]:
            yield f"{where} limits to {limit}, ours to {wanted[zone]}"


def databases_have_a_connection_for_every_replica(shop: Manifests) -> Iterator[str]:
    """While one release replaces the other, too: a surge has connections of its own."""
    each = {
        "service-http": _FIELDS["service-http"]["database_connections"].default,
        "consumer": _CONSUMER_CONNECTIONS,
    }
    needed = _OTHER_CONNECTIONS
    for pod in shop.servers:
        if pod.name in each:
            surge = within(pod.owner, "spec", "strategy", "rollingUpdate", "maxSurge", default=0)
            needed += (shop.most_replicas(pod) + surge) * each[pod.name]
    told = [one["spec"]["mysql"]["configuration"] for one in shop.of("PerconaServerMySQL")] or [
        text for one in shop.of("ConfigMap") for name, text in _files(one) if name == "mysql.cnf"
    ]
    (most,) = re.findall(r"^\s*max_connections ?= ?(\d+)", "\n".join(told), re.M)
    if needed > int(most):
        yield f"MySQL takes {most} connections, and its clients may have {needed}"


def a_release_rolls_programs_of_the_shop_alone(shop: Manifests) -> Iterator[str]:
    """A server that only borrows their image would be started anew with each of them."""
    for pod in shop.pods:
        borrowed = [one.name for one in pod.containers if _OURS.search(one.described["image"])]
        if borrowed and not _OURS.search(pod.main.described["image"]):
            yield f"{pod.reference} runs {borrowed} from an image of the shop"


def a_bare_python_is_that_of_the_services(shop: Manifests) -> Iterator[str]:
    (wanted,) = re.findall(r"(?m)^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text())
    for pod in shop.pods:
        for container in pod.containers:
            image = container.described["image"]
            if image.startswith("python:") and image != wanted:
                yield f"{pod.reference}/{container.name} runs {image}, the services {wanted}"


def _annotations(shop: Manifests) -> Iterator[tuple[str, str, str]]:
    for one in shop.of("Ingress"):
        for name, value in one["metadata"].get("annotations", {}).items():
            yield reference(one), name, value


def _files(config: Object) -> Iterable[tuple[str, str]]:
    files: dict[str, str] = config.get("data", {})
    return files.items()


def _one(pattern: str, text: str = _SHOP_CONF) -> str:
    (found,) = re.findall(pattern, text)
    return str(found)

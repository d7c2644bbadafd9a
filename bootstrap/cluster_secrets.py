"""The same secrets as Secrets of a Kubernetes cluster: `secrets-master`, and `secrets-<reader>`
with one key for each file.

Made once; afterwards they follow from the master, so that another run completes what is missing or
what a newer version adds. Only a rotation replaces a secret. Two runs at once end alike.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootstrap.api_server import ApiServer, ApiServerFailed, Conflict, Secret
from bootstrap.credentials import READERS, Master, Reader, complete, create_master, rotate
from bootstrap.volumes import MASTER, Outcome

PREFIX = "secrets-"
_MASTER_FILE = "master.json"
_OURS = {"app.kubernetes.io/managed-by": "arloji-bootstrap"}
LABELS = {"app.kubernetes.io/part-of": "arloji", **_OURS}
# Each conflict is another run's progress; this many are a fault.
_ATTEMPTS = 20


def _administrator_url(master: Master) -> str:
    """Over the network: no volume could hold a socket for pods on different nodes."""
    return f"mysql+pymysql://administrator:{master['root'][0]}@mysql:3306/arloji"


def _as_in_a_cluster(reader: Reader) -> Reader:
    if reader.name != "accounts":
        return reader
    return replace(reader, files={**reader.files, "database_url": _administrator_url})


CLUSTER_READERS: tuple[Reader, ...] = (
    *map(_as_in_a_cluster, READERS),
    # KEDA reads a Secret, not a file: the user that may ask how long the queue is.
    Reader(
        "scaler",
        0,
        {"username": lambda m: "scaler", "password": lambda m: str(m["queue"]["scaler"][0])},
    ),
)


def prepare_cluster_secrets(
    server: ApiServer, *, renew: bool = False, finish: bool = False
) -> Outcome:
    """Make or complete every Secret; raises `ApiServerFailed`. `renew` and `finish` as in
    `volumes.prepare_secrets`."""
    written: list[str] = []
    master, version = _settle_master(server, written, renew=renew, finish=finish)
    for _ in range(_ATTEMPTS):
        for reader in CLUSTER_READERS:
            _settle(server, reader, master, written)
        # A rotation meanwhile may have written some of them already, with what is newer.
        newest, newest_version = _settle_master(server, written)
        if newest_version == version:
            names = [PREFIX + reader.name for reader in CLUSTER_READERS]
            kept = tuple(name for name in names if name not in written)
            return Outcome(tuple(dict.fromkeys(written)), kept)
        master, version = newest, newest_version
    raise _disturbed(PREFIX + MASTER)


def _settle_master(
    server: ApiServer, written: list[str], *, renew: bool = False, finish: bool = False
) -> tuple[Master, str]:
    """The master as it is in the cluster, and its version."""
    for _ in range(_ATTEMPTS):
        found = server.read_secret(PREFIX + MASTER)
        known = _master_in(found)
        master = complete(known)
        if renew:
            master = rotate(master)
        if finish:
            master["rotating"] = False
        if found is not None and master == known:
            return master, found.version
        try:
            _write(server, found, PREFIX + MASTER, {_MASTER_FILE: json.dumps(master)})
        except Conflict:
            continue
        written.append(PREFIX + MASTER)
        # Read once more, for its version.
        renew = finish = False
    raise _disturbed(PREFIX + MASTER)


def _master_in(found: Secret | None) -> dict[str, Any]:
    if found is None:
        return create_master()
    try:
        return dict(json.loads(found.data[_MASTER_FILE]))
    except (KeyError, ValueError, TypeError):
        # Not made anew: every password of the stores would be another one.
        raise ApiServerFailed(
            f"{PREFIX}{MASTER} has no readable {_MASTER_FILE}: restore it, or delete that Secret to"
            " have new secrets for everything"
        ) from None


def _settle(server: ApiServer, reader: Reader, master: Master, written: list[str]) -> None:
    name = PREFIX + reader.name
    wanted = {file: render(master) for file, render in reader.files.items()}
    for _ in range(_ATTEMPTS):
        found = server.read_secret(name)
        if found is not None and not _is_ours(found):
            _require_all(found, wanted)
            return
        if found is not None and found.data == wanted:
            return
        try:
            _write(server, found, name, wanted)
        except Conflict:
            continue
        written.append(name)
        return
    raise _disturbed(name)


def _write(server: ApiServer, found: Secret | None, name: str, data: Mapping[str, str]) -> None:
    if found is None:
        server.create_secret(Secret(name, data, LABELS))
    else:
        labels = {**found.labels, **LABELS}
        server.update_secret(Secret(name, data, labels, found.version))


def _disturbed(name: str) -> ApiServerFailed:
    return ApiServerFailed(f"{name} is changed by others again and again")


def _is_ours(found: Secret) -> bool:
    return found.labels.items() >= _OURS.items()


def _require_all(found: Secret, wanted: Mapping[str, str]) -> None:
    """Somebody else's is theirs to complete: what they chose cannot be guessed."""
    if missing := sorted(wanted.keys() - found.data.keys()):
        raise ApiServerFailed(
            f"{found.name} was not made by this job and lacks {', '.join(missing)}: complete it, or"
            " delete it to have it made"
        )

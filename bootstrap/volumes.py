"""What the volumes hold before the first start: one folder of secrets per reader, log folders that
their writer may write and the collector's group may read, data folders of their owners.

Secrets are made once and kept in the master file; every other file follows from it, so a second
run completes what is missing or what a newer version adds, and removes what it has no use for.
Only a rotation replaces a secret.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.credentials import READERS, Reader, complete, create_master, rotate

MASTER = "master"
# The collector reads logs as a member of this group.
LOG_READERS_GROUP_ID = 4000
LOG_WRITERS: Mapping[str, int] = {
    "nginx": 101,
    "mysql": 999,
    "queue-redis": 999,
    "cache-redis": 999,
}
# Everything that is kept, by the user that keeps it.
DATA_OWNERS: Mapping[str, int] = {
    "audit": 10001,
    "archive": 10001,
    "backups": 10001,
    "queue-redis": 999,
    "mysql": 999,
    "mysql-socket": 999,
    "metrics": 10002,
    "logs": 10002,
    "traces": 10002,
    "collector": 10001,
    "alertmanager": 65534,
    "grafana": 472,
}


class FolderMissing(OSError):
    """A reader's folder is not mounted here."""


@dataclass(frozen=True)
class Outcome:
    written: tuple[str, ...]
    kept: tuple[str, ...]


def prepare_secrets(folder: Path, *, renew: bool = False, finish: bool = False) -> Outcome:
    """Write `folder/<reader>/<file>` for every reader; raises `FolderMissing`.

    With `renew` each secret is replaced, and the one before stays valid beside it. Until a call
    with `finish`, another `renew` changes nothing.
    """
    master = _read_or_create_master(folder / MASTER, renew=renew, finish=finish)
    written, kept = [], []
    for reader in READERS:
        for name, render in reader.files.items():
            path, text = folder / reader.name / name, render(master)
            if path.exists() and path.read_text(encoding="utf-8") == text:
                kept.append(f"{reader.name}/{name}")
                continue
            _write_private(path, text, reader.user_id)
            written.append(f"{reader.name}/{name}")
        for path in (folder / reader.name).iterdir():
            if path.name not in reader.files:
                path.unlink()  # an older version's, with passwords that may still be good
        _close_folder(folder / reader.name, reader)
    return Outcome(tuple(written), tuple(kept))


def prepare_log_folders(folder: Path) -> None:
    """`folder/<writer>`. The readers' group is the writer's own: what it writes, they may read."""
    for writer, user_id in LOG_WRITERS.items():
        path = folder / writer
        _require(path)
        os.chown(path, user_id, LOG_READERS_GROUP_ID)
        path.chmod(0o750)


def prepare_data_folders(folder: Path) -> None:
    """`folder/<name>`: a new volume belongs to root, which none of their users is."""
    for name, user_id in DATA_OWNERS.items():
        path = folder / name
        _require(path)
        os.chown(path, user_id, user_id)
        path.chmod(0o750)


def _read_or_create_master(folder: Path, *, renew: bool, finish: bool) -> dict[str, Any]:
    _require(folder)
    path = folder / "master.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else create_master()
    master = complete(known)
    if renew:
        master = rotate(master)
    if finish:
        master["rotating"] = False
    if not path.exists() or master != known:
        _write_private(path, json.dumps(master), os.getuid())
    folder.chmod(0o700)
    return master


def _write_private(path: Path, text: str, user_id: int) -> None:
    """Whole or not at all, and never readable by anybody else in between."""
    _require(path.parent)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chown(unfinished, user_id, -1)
    unfinished.replace(path)


def _close_folder(path: Path, reader: Reader) -> None:
    os.chown(path, reader.user_id, -1)
    path.chmod(0o500)


def _require(path: Path) -> None:
    if not path.is_dir():
        raise FolderMissing(f"{path} is not there: mount a volume for it")

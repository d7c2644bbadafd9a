"""Checks what an earlier run left in the data folder before anything is started on it: it is
intact, or is repaired where nothing that was accepted is lost, or the start is refused."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from local import inherited
from local.layout import DataFolder, StartRefused
from local.redis_program import RedisProgram

_REMEDY = 'docs/operations.md, "When a file of the embedded run is damaged", says how to go on.'
# The server's limit for its data is 256 MB; a disk reads that in seconds.
_CHECK_SECONDS = 120
_MANIFEST_LINE = re.compile(r"file (\S+) seq (\d+) type ([bih])")
_COUNT = re.compile(rb"\*\d+\r\n")
_LENGTH = re.compile(rb"\$(\d+)\r\n")


def require_intact_database(folder: DataFolder) -> None:
    """SQLite takes an empty file for a new database, and then deletes the
    write-ahead log beside it: rows would be lost silently."""
    database = folder.database
    log = database.with_name(f"{database.name}-wal")
    if not _size(database):
        if _size(log) or (database.exists() and any(map(_size, folder.audit.glob("*.jsonl")))):
            raise StartRefused(f"{database} is empty, although orders were accepted: {_REMEDY}")
        return
    try:
        with closing(sqlite3.connect(database)) as connection:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        return  # locked, or the disk is full: who opens it next waits or says so
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise StartRefused(f"{database} is damaged ({verdict.splitlines()[-1]}): {_REMEDY}")


def create_database(folder: DataFolder) -> None:
    """With its write-ahead log, which needs the file for itself: migration and services open it at
    the same time."""
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(folder.database)) as made:
        made.execute("PRAGMA journal_mode=WAL")


def repair_queue(folder: DataFolder, redis: RedisProgram, say: Callable[[str], None]) -> None:
    """Cut off what a power cut left behind the last command: zeroes, or the beginning of another
    one. It was never fsynced, and so never answered. Whatever else Redis could not read, or would
    skip silently, is a `StartRefused`."""
    files = _append_only_files(folder.redis("queue"))
    for file in files:
        if not _size(file):
            continue
        valid_bytes = _valid_bytes(file, redis)
        with file.open("rb") as content:
            content.seek(valid_bytes)
            tail = content.read()
        if not tail:
            continue
        if file != files[-1] or not _is_unfinished_write(tail):
            raise StartRefused(f"{file} is damaged from byte {valid_bytes} on: {_REMEDY}")
        os.truncate(file, valid_bytes)
        say(
            f"cut {len(tail)} bytes off {file}: the unfinished write of a power cut or a full "
            "disk. No accepted order was in it."
        )


def _append_only_files(folder: Path) -> list[Path]:
    """In the order in which Redis reads them: of version 7 and newer those that the manifest
    names, of 6.2 the only one."""
    new = folder / "appendonlydir"
    manifest = new / "appendonly.aof.manifest"
    parts = [file for file in sorted(new.glob("appendonly.aof.*")) if file != manifest]
    if not parts and not manifest.exists():
        return [file for file in [folder / "appendonly.aof"] if file.exists()]
    text = manifest.read_text(errors="replace") if manifest.exists() else ""
    lines = [_MANIFEST_LINE.match(line) for line in text.splitlines()]
    if lines and all(lines) and text.endswith("\n"):
        files = [new / line[1] for line in lines if line and line[3] != "h"]
        missing = [file for file in files if not file.exists()]
        old = folder / "appendonly.aof"
        if missing == [new / old.name] and old.exists():
            return [old]  # what a newer Redis was about to take over from 6.2
        if not missing:
            return files
        raise StartRefused(f"{missing[0]} is gone: {_REMEDY}")
    # A first start that was interrupted had no command yet. Without a manifest Redis begins anew.
    if all(".1.base." in file.name or not _size(file) for file in parts):
        manifest.unlink(missing_ok=True)
        return []
    raise StartRefused(f"{manifest} cannot be read: {_REMEDY}")


def _valid_bytes(file: Path, redis: RedisProgram) -> int:
    """How far Redis itself can read the file; its checker is the server under another name."""
    checker = redis.path.name.replace("server", "check-aof")
    try:
        done = subprocess.run(
            [checker, str(file)],
            executable=redis.path,
            env=inherited.for_shop(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return _size(file)  # the server says by itself what it cannot read
    if found := re.search(rb"ok_up_to=(\d+)", done.stdout):
        return int(found[1])
    return 0 if b"aborting" in done.stdout + done.stderr else _size(file)


def _is_unfinished_write(tail: bytes) -> bool:
    """Whether this is at most the beginning of a command, or of a transaction, and zeroes."""
    tail = tail.rstrip(b"\0")
    at = 0
    while at < len(tail):
        if (end := _end_of_command(tail, at)) is None:
            return False
        at = end
    return True


def _end_of_command(data: bytes, at: int) -> int | None:
    """Where the command ends, `len(data)` if it is cut off, None if there is no command."""
    count = _COUNT.match(data, at)
    if count is None:
        return len(data) if re.fullmatch(rb"\*\d*\r?", data[at:]) else None
    begin, at = at, count.end()
    for _ in range(int(count[0][1:-2])):
        length = _LENGTH.match(data, at)
        if length is None:
            return len(data) if re.fullmatch(rb"(\$\d*\r?)?", data[at:]) else None
        at = length.end() + int(length[1]) + 2
        if at > len(data):
            # A broken length reaches over the commands behind it.
            return None if _COUNT.search(data, begin + 1) else len(data)
        if data[at - 2 : at] != b"\r\n":
            return None
    return at


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0

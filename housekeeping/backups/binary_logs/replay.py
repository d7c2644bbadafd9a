"""Bring a restored schema from the moment of its backup to a later one, by what the binary logs say
was done to the shop's schema in between."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from housekeeping.backups.binary_logs.entries import Chain, Copied, find_chain, number_of
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import VERIFYING
from housekeeping.backups.manifest import Kind, Manifest, Position
from housekeeping.backups.store import Store
from housekeeping.backups.streams import Damage, check_file, opened, write_content
from housekeeping.failures import CouldNot
from housekeeping.work_folder import work_folder

_LATEST = "latest"
_POSITION = re.compile(r"([\w.-]+\.\d{6,}):(\d+)$")


@dataclass(frozen=True)
class Until:
    """A moment, a position in a log, or, with neither, as far as the logs go. What happened at the
    moment itself is left out; logs know whole seconds."""

    moment: datetime | None = None
    position: Position | None = None

    @classmethod
    def parse(cls, text: str) -> "Until":
        if text == _LATEST:
            return cls()
        if found := _POSITION.match(text):
            return cls(position=Position(file=found[1], offset=int(found[2])))
        moment = datetime.fromisoformat(text)
        return cls(moment=moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))

    def __str__(self) -> str:
        if self.moment:
            return self.moment.isoformat(timespec="seconds")
        return f"{self.position.file}:{self.position.offset}" if self.position else _LATEST

    def is_after(self, manifest: Manifest) -> bool:
        if self.moment:
            return manifest.snapshot_at <= self.moment
        if self.position and manifest.position:
            there = (number_of(manifest.position.file), manifest.position.offset)
            return there <= (number_of(self.position.file), self.position.offset)
        return True


@dataclass(frozen=True)
class Replay:
    """`schema` is the shop's in the logs, `start` where the first of them is gone on from."""

    schema: str
    logs: list[Path]
    start: int
    until: Until

    def options(self, beside: str, kind: Kind) -> list[str]:
        # Only what was done to the shop's schema. MySQL replaces the name first and then looks at
        # it; MariaDB the other way round.
        database = beside if kind is Kind.MYSQL else self.schema
        options = [f"--rewrite-db={self.schema}->{beside}", f"--database={database}"]
        options.append(f"--start-position={self.start}")
        if self.until.moment:
            options.append(f"--stop-datetime={self.until.moment:%Y-%m-%d %H:%M:%S}")
        if self.until.position:
            options.append(f"--stop-position={self.until.position.offset}")
        return [*options, *map(str, self.logs)]


@contextmanager
def prepared(
    store: Store, manifest: Manifest, until: Until, decryption: Decryption
) -> Iterator[Replay]:
    """With the logs that are needed, whole and as the server wrote them. Raises `CouldNot` if any
    is missing, damaged or not there yet."""
    chain = find_chain(store, manifest)
    assert manifest.position is not None
    if until.moment and until.moment > chain.reaches:
        raise CouldNot(
            f"the binary logs reach until {chain.reaches.isoformat(timespec='seconds')}:"
            f" name that or an earlier moment, or `--until {_LATEST}`"
        )
    if not decryption.can_read(chain.encryption):
        raise CouldNot(
            f"the binary logs are encrypted with {chain.encryption}:"
            " set BACKUP_IDENTITY_FILE to its private key"
        )
    with work_folder(store.work, VERIFYING) as place:
        logs = [_unpack(store, copied, place, decryption) for copied in _needed(chain, until)]
        yield Replay(chain.schema, logs, manifest.position.offset, until)


def _needed(chain: Chain, until: Until) -> list[Copied]:
    if until.position is None:
        return list(chain.logs)
    last = number_of(until.position.file)
    needed = [copied for copied in chain.logs if copied.log.number <= last]
    found = needed[-1].log if needed else None
    if (
        found is None
        or found.name != until.position.file
        or found.file.content_size < until.position.offset
    ):
        raise CouldNot(f"the binary logs do not reach {until}")
    return needed


def _unpack(store: Store, copied: Copied, place: Path, decryption: Decryption) -> Path:
    log, path = copied.log, place / copied.log.name
    try:
        with store.fetched(copied.entry, [log.file]) as folder:
            check_file(folder, log.file)
            with opened(folder, log.file, decryption) as content:
                write_content(content, path)
    except Damage as damage:
        raise CouldNot(
            f"the copy of binary log {log.name} in {copied.entry} is damaged: {damage}"
        ) from None
    return path

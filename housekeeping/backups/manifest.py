"""What a backup says of itself, and what was found when it was looked at again."""

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

M = TypeVar("M", bound=BaseModel)


class Kind(StrEnum):
    SQLITE = "sqlite"
    MYSQL = "mysql"
    MARIADB = "mariadb"


class Facts(BaseModel):
    """A table as it was in the snapshot. `digest` is over all its rows in the order of their
    keys, the same for the same rows in whatever way they are dumped by one tool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    digest: str


class Position(BaseModel):
    """Where the binary log went on after the snapshot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    offset: int


class StoredFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    size: int
    sha256: str
    # Before compression.
    content_size: int


class QueueCopy(BaseModel):
    """Taken before the database's snapshot: an order is in one of the two, or in both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: StoredFile
    entries: int
    dead: int
    # Id of the oldest entry that waited; orders that were stored later are younger.
    oldest_entry: str | None


class Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: str
    # Counts up: a clock that is set back does not make an older backup the newest.
    sequence: int
    kind: Kind
    encryption: Literal["none", "age", "gpg"]
    started_at: datetime
    # Everything that was committed before is in the backup.
    snapshot_at: datetime
    finished_at: datetime
    schema_revision: str | None
    tables: dict[str, Facts]
    position: Position | None
    database: StoredFile
    queue: QueueCopy | None
    # Why there is no copy of the queue.
    queue_missing: str | None
    server_version: str
    tool_version: str

    @property
    def files(self) -> list[StoredFile]:
        return [self.database, *([self.queue.file] if self.queue else [])]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


class Level(StrEnum):
    """How far a backup was looked at: its files, what is in them, or a database made of it."""

    CHECKSUMS = "checksums"
    CONTENTS = "contents"
    DRILL = "drill"


class Verified(BaseModel):
    model_config = ConfigDict(extra="forbid")

    verified_at: datetime
    level: Level
    seconds: float


class Damaged(BaseModel):
    model_config = ConfigDict(extra="forbid")

    found_at: datetime
    faults: list[str]


def seal(manifest: BaseModel) -> str:
    """As text that proves its own integrity."""
    content = json.loads(manifest.model_dump_json())
    return json.dumps({"manifest": content, "sha256": _digest(content)}, indent=1) + "\n"


def unseal(text: bytes, model: type[M]) -> M:
    """Raises ValueError."""
    sealed = json.loads(text)
    if not isinstance(sealed, dict) or sealed.get("sha256") != _digest(sealed.get("manifest")):
        raise ValueError("the manifest does not fit its checksum")
    return model.model_validate(sealed["manifest"])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

"""What is in the queue Redis now, read with the few rights that housekeeping has there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import Redis

from contracts.queue import DEAD, FIELD_ORDER, IDEMPOTENCY_PREFIX, ORDERS, pending_key
from housekeeping.progress import Progress

_PAGE = 500
_TIMEOUT_SECONDS = 10


@dataclass
class Entries:
    """Orders of a stream by id, with the time they were accepted. As many as the publisher's
    bound on the backlog allows, so that they fit in memory."""

    accepted_at: dict[str, datetime | None] = field(default_factory=dict)
    guests: set[str] = field(default_factory=set)
    unreadable: list[str] = field(default_factory=list)

    def add(self, entry_id: str, order: bytes) -> None:
        """Only the names are read: a dead letter may be invalid in everything else."""
        try:
            message = json.loads(order)
            order_id, guest_id = message["order_id"], message["guest_id"]
        except (ValueError, KeyError, TypeError):
            self.unreadable.append(entry_id)
            return
        self.guests.add(str(guest_id))
        self.accepted_at[str(order_id)] = _moment(message.get("accepted_at"))

    def accepted_between(self, since: datetime, until: datetime) -> list[str]:
        return [
            order_id
            for order_id, moment in self.accepted_at.items()
            if moment is not None and since <= moment <= until
        ]


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


@dataclass(frozen=True)
class QueueContents:
    waiting: Entries
    dead: Entries
    # Guests with a pending order although neither stream has any entry of theirs.
    guests_without_entry: frozenset[str]


def open_queue(url: str) -> Redis:
    return Redis.from_url(
        url, protocol=2, socket_timeout=_TIMEOUT_SECONDS, client_name="housekeeping"
    )


def read_queue(client: Redis, progress: Progress) -> QueueContents:
    """Read while orders go on. An order that the reading begins with is found, wherever it
    moves meanwhile: the stream is read before and after the dead letters, and who reads the
    database later finds what was settled by then."""
    pending_before = _pending_guests(client)
    waiting = Entries()
    _read_stream(client, ORDERS, waiting, progress)
    dead = Entries()
    _read_stream(client, DEAD, dead, progress)
    _read_stream(client, ORDERS, waiting, progress)
    stale = pending_before & _pending_guests(client) - waiting.guests - dead.guests
    waiting.unreadable = sorted(set(waiting.unreadable))
    return QueueContents(waiting, dead, frozenset(stale))


def clear_keys(client: Redis) -> int:
    """Forget which keys have ordered lately, so that a retry orders again; returns how many."""
    cleared, batch = 0, []
    for key in client.scan_iter(match=f"{IDEMPOTENCY_PREFIX}*", count=_PAGE):
        batch.append(key)
        if len(batch) >= _PAGE:
            cleared += int(client.unlink(*batch))
            batch = []
    return cleared + (int(client.unlink(*batch)) if batch else 0)


def read_waiting(client: Redis, progress: Progress) -> Entries:
    waiting = Entries()
    _read_stream(client, ORDERS, waiting, progress)
    return waiting


def _read_stream(client: Redis, stream: str, entries: Entries, progress: Progress) -> None:
    for number, (entry_id, fields) in enumerate(_entries_of(client, stream), start=1):
        progress.update(number, f"entries of {stream} read")
        entries.add(entry_id.decode(), fields.get(FIELD_ORDER.encode(), b""))


def _entries_of(client: Redis, stream: str) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    start = "-"
    while True:
        page: Any = client.xrange(stream, start, "+", count=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        start = f"({page[-1][0].decode()}"


def _pending_guests(client: Redis) -> set[str]:
    prefix = pending_key("")
    keys: Any = client.scan_iter(match=f"{prefix}*", count=_PAGE)
    return {key.decode().removeprefix(prefix) for key in keys}

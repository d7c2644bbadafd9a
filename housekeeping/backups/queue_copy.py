"""A copy of the queue Redis as a replica gets it: one consistent RDB, whatever is written
meanwhile, and none of its files need to be in reach."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from contracts.queue import DEAD, ORDERS
from housekeeping.backups.streams import CHUNK

_MAGIC = b"REDIS"
# While the server makes the copy it sends a newline now and then.
_LONGEST_HEAD = 1 << 16


class NoCopy(Exception):
    """The server cannot be copied; the message says why."""


@dataclass(frozen=True)
class QueueState:
    entries: int
    dead: int
    oldest_entry: str | None


def read_state(client: Redis) -> QueueState:
    oldest: Any = client.xrange(ORDERS, count=1)
    return QueueState(
        entries=int(client.xlen(ORDERS)),
        dead=int(client.xlen(DEAD)),
        oldest_entry=oldest[0][0].decode() if oldest else None,
    )


def copy_queue(client: Redis) -> Iterator[bytes]:
    """The bytes of an RDB file. Raises `NoCopy`, RedisError and OSError."""
    # Closed afterwards, and not given back: from here on it speaks the protocol of replicas
    # (https://redis.io/docs/latest/operate/oss_and_stack/management/replication/).
    connection: Any = client.connection_pool.make_connection()
    connection.connect()
    try:
        connection.send_command("REPLCONF", "rdb-only", "1")
        # Before Redis 7 it does not know that nothing more than the copy is wanted.
        with suppress(ResponseError):
            connection.read_response()
        connection.send_command("SYNC")
        yield from _read_payload(connection._sock)
    finally:
        connection.disconnect()


def _read_payload(socket: Any) -> Iterator[bytes]:
    with socket.makefile("rb") as source:
        head = source.readline(_LONGEST_HEAD)
        while head == b"\n":
            head = source.readline(_LONGEST_HEAD)
        if not head.startswith(b"$") or not head[1:].strip().isdigit():
            said = head.decode(errors="replace").strip().lstrip("-")
            raise NoCopy(f"the queue Redis refuses a copy: {said or 'it closed the connection'}")
        left, first = int(head[1:]), True
        while left:
            chunk = source.read(min(CHUNK, left))
            if not chunk:
                raise RedisConnectionError("the queue Redis went away in the middle of its copy")
            if first and not chunk.startswith(_MAGIC):
                raise NoCopy("what the queue Redis sends is no RDB file")
            left, first = left - len(chunk), False
            yield chunk

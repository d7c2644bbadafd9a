"""Redis servers and a publisher for measurements, each in a folder of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from benchmarks.processes import StartFailed, module, program
from local.free_port import free_port
from local.redis_program import find_redis


@contextmanager
def redis_server(
    folder: Path, role: str = "queue", options: Sequence[str] = ()
) -> Iterator[tuple[redis.Redis, int]]:
    """A server as the embedded run has it in this role, but for `options`; yields a client and
    its pid."""
    found = find_redis()
    if found is None:
        raise StartFailed("there is no redis-server or valkey-server from 6.2 on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [*found.command(role, port, folder), *options]
    with redis.Redis(port=port, protocol=2) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        with program(command, folder / "redis.log", answers) as pid:
            yield client, pid


def url_of(server: redis.Redis) -> str:
    settings: Mapping[str, Any] = server.connection_pool.connection_kwargs
    return f"redis://127.0.0.1:{settings['port']}/0"


@contextmanager
def publisher(
    server: redis.Redis, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """One that writes to this queue; yields its URL and pid."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {
        "PORT": str(port),
        "QUEUE_REDIS_URL": url_of(server),
        "AUDIT_DIRECTORY": str(folder / "audit"),
        **(environment or {}),
    }
    with module(
        "services.publisher", folder, environment=settings, ready_url=f"{url}/readyz"
    ) as pid:
        yield url, pid

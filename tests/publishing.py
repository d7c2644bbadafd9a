"""What the tests of the publisher share: orders to send, and the publisher to send them to."""

import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from services.publisher.app import create_app
from services.publisher.settings import Settings
from tests.asgi import running
from tests.servers import RedisServer
from tests.waiting import eventually_async as eventually

GUEST = str(uuid.UUID(int=7))


def order(quantity: int = 2) -> dict[str, Any]:
    return {
        "items": [{"product_id": 1, "quantity": quantity}],
        "customer": {
            "name": "Sari Wulandari",
            "email": "sari@example.com",
            "address": "Jl. Merdeka 1, Bandung",
        },
    }


def headers(key: str, guest: str = GUEST) -> dict[str, str]:
    return {"X-Arloji-Guest": guest, "Idempotency-Key": key}


@asynccontextmanager
async def publisher(url: str, audit: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A running publisher, patient enough for a machine that others use too."""
    patience = {"queue_timeout_seconds": 20, "request_timeout_seconds": 30}
    app = create_app(
        Settings(queue_redis_url=url, audit_directory=audit, **{**patience, **settings})
    )
    async with running(app) as client:
        yield client


async def place(client: httpx.AsyncClient, key: str, **options: Any) -> httpx.Response:
    return await client.post("/api/orders", json=order(**options), headers=headers(key), timeout=30)


async def place_until_accepted(client: httpx.AsyncClient, key: str) -> httpx.Response:
    answer: httpx.Response = await eventually(
        lambda: place(client, key), lambda answer: answer.status_code not in {503, 504}, seconds=60
    )
    return answer


async def until_ready(client: httpx.AsyncClient, expected: Callable[[Any], bool]) -> Any:
    """Wait until `/readyz` says what is expected."""

    async def look() -> Any:
        return (await client.get("/readyz")).json()

    return await eventually(look, expected)


async def raw_entries(queue: Redis) -> list[tuple[str, dict[bytes, bytes]]]:
    stream: Any = await queue.xrange("orders")
    return [(entry_id.decode(), fields) for entry_id, fields in stream]


async def entries(queue: Redis) -> list[dict[str, Any]]:
    """The orders in the stream."""
    return [json.loads(fields[b"order"]) for _, fields in await raw_entries(queue)]


def audited(audit: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in audit.glob("accepted-*.jsonl")
        for line in path.read_text().splitlines()
    ]


@asynccontextmanager
async def redis_user(queue: Redis, server: RedisServer, rights: str) -> AsyncIterator[str]:
    """The URL of a user with these rights, beside connection set-up and ping, and no others."""
    execute: Any = queue.execute_command
    await execute("ACL SETUSER", "guarded", *f"on >secret +client|setname +ping {rights}".split())
    try:
        yield f"redis://guarded:secret@127.0.0.1:{server.port}/0"
    finally:
        await execute("ACL DELUSER", "guarded")

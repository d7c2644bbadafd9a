"""An order that was answered 504 is not stored afterwards, whatever stood still: with the real
publisher, the real gateway and a real queue."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
from redis.asyncio import Redis

from contracts.queue import ORDERS
from tests.processes import ModuleProcess
from tests.publishing import headers, order
from tests.servers import RedisServer
from tests.waiting import eventually_async as eventually


@pytest.fixture(scope="module")
def publisher(
    queue_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleProcess]:
    folder = tmp_path_factory.mktemp("publisher")
    environment = {"QUEUE_REDIS_URL": queue_server.url, "AUDIT_DIRECTORY": str(folder)}
    with ModuleProcess(folder, "services.publisher", environment) as process:
        yield process


@pytest.fixture(scope="module")
def gateway(
    publisher: ModuleProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ModuleProcess]:
    folder, urls = tmp_path_factory.mktemp("gateway"), {"PUBLISHER_URL": publisher.url}
    with ModuleProcess(folder, "services.api_gw", urls) as process:
        yield process


async def place(client: httpx.AsyncClient, key: str, milliseconds: int = 3000) -> httpx.Response:
    given = headers(key) | {"X-Arloji-Timeout-Ms": str(milliseconds)}
    return await client.post("/api/orders", json=order(), headers=given)


def frozen(process: ModuleProcess) -> None:
    os.kill(process.pid, signal.SIGSTOP)


async def thaw(process: ModuleProcess) -> None:
    """And wait until it has worked off what it was sent meanwhile."""
    os.kill(process.pid, signal.SIGCONT)
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        for _ in range(3):
            assert (await client.get("/healthz")).is_success


async def send_by_hand(
    process: ModuleProcess, key: str, milliseconds: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To a process that may not read it yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    body = json.dumps(order()).encode()
    head = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Arloji-Timeout-Ms": str(milliseconds),
        **headers(key),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST /api/orders HTTP/1.1\r\n{lines}\r\n".encode() + body)
    await writer.drain()
    return reader, writer


async def close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def test_what_was_answered_504_is_never_stored_and_its_key_ends_with_one_order(
    publisher: ModuleProcess, gateway: ModuleProcess, queue: Redis
) -> None:
    async with httpx.AsyncClient(base_url=gateway.url, timeout=30) as client:
        # Through a connection that is there already, so that the order gets to its socket.
        assert (await place(client, "before")).status_code == 202
        frozen(publisher)
        try:
            assert (await place(client, "late", 700)).status_code == 504
        finally:
            await thaw(publisher)
        assert await queue.xlen(ORDERS) == 1
        answers = [
            await eventually(lambda: place(client, "late"), lambda one: one.status_code == 202)
            for _ in range(2)
        ]
        assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert await queue.xlen(ORDERS) == 2


@pytest.mark.parametrize("stays", [True, False])
async def test_an_order_that_lay_unread_for_longer_than_its_time_or_whose_sender_left_is_not_stored(
    publisher: ModuleProcess, queue: Redis, stays: bool
) -> None:
    """Its header says only how much time it had when it was sent."""
    frozen(publisher)
    try:
        reader, writer = await send_by_hand(publisher, "unread", 500 if stays else 30_000)
        if not stays:
            await close(writer)
        await asyncio.sleep(1)
    finally:
        await thaw(publisher)
    if stays:
        answer = await reader.readline()
        await close(writer)
        assert answer.startswith(b"HTTP/1.1 504 ")
    assert await queue.xlen(ORDERS) == 0
    reader, writer = await send_by_hand(publisher, "unread", 2000)
    answer = await reader.readline()
    await close(writer)
    assert answer.startswith(b"HTTP/1.1 202 ")
    assert await queue.xlen(ORDERS) == 1

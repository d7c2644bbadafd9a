"""The queue unavailable, full, slow or not durable: never a 202 that could be lost, never a 500."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError

from local.free_port import free_port
from tests.publishing import (
    GUEST,
    audited,
    entries,
    place,
    place_until_accepted,
    publisher,
    raw_entries,
    redis_user,
    until_ready,
)
from tests.servers import RedisServer


def is_ok(answer: Any) -> bool:
    return bool(answer["status"] == "ok")


def queue_says(text: str) -> Callable[[Any], bool]:
    return lambda answer: text in answer["checks"]["queue"]["detail"]


def refused(answer: httpx.Response) -> str:
    """What a 503 of the publisher says, after a look at its form."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    assert "same Idempotency-Key is safe" in detail
    return detail


async def test_without_a_queue_the_publisher_starts_and_refuses(tmp_path: Path) -> None:
    async with publisher(f"redis://127.0.0.1:{free_port()}/0", tmp_path) as client:
        refused(await place(client, "key-1"))
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "starting")
        assert (await client.get("/healthz")).status_code == 200
    assert audited(tmp_path) == []


async def test_every_202_survives_a_kill_and_orders_go_on_after_it(
    own_server: RedisServer, tmp_path: Path
) -> None:
    keys = [f"key-{number}" for number in range(100)]
    async with publisher(own_server.url, tmp_path / "audit") as client:
        await until_ready(client, is_ok)
        assert (await place(client, "first")).status_code == 202
        placing = [asyncio.create_task(place(client, key)) for key in keys]
        await asyncio.wait(placing, return_when=asyncio.FIRST_COMPLETED)
        own_server.stop(signal.SIGKILL)
        answers = await asyncio.gather(*placing)
        assert {answer.status_code for answer in answers} <= {202, 503}
        refused(await place(client, "while it is down"))
        lost = await until_ready(client, lambda answer: answer["status"] == "degraded")
        assert not lost["checks"]["queue"]["ok"]

        await asyncio.to_thread(own_server.start)
        await until_ready(client, is_ok)
        retried = await asyncio.gather(*(place_until_accepted(client, key) for key in keys))
        assert {answer.status_code for answer in retried} == {202}

    async with Redis.from_url(own_server.url, protocol=2) as queue:
        stored = {entry["order_id"] for entry in await entries(queue)}
    acknowledged = {line["order_id"] for line in audited(tmp_path / "audit")}
    assert {answer.json()["order_id"] for answer in retried} < acknowledged
    assert acknowledged == stored


async def test_a_full_memory_is_503_and_repetitions_still_get_their_answer(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path, spans: InMemorySpanExporter
) -> None:
    async with publisher(own_server.url, tmp_path / "audit") as client:
        await until_ready(client, is_ok)
        first = await place(client, "key-1")
        await own_queue.config_set("maxmemory", 1)
        assert "did not confirm" in refused(await place(client, "key-2"))
        await until_ready(client, queue_says("short of memory"))
        assert "short of memory" in refused(await place(client, "key-3"))
        again = await place(client, "key-1")
        assert (again.status_code, again.json()) == (202, first.json())
        assert (await place(client, "key-1", quantity=3)).status_code == 422

        await own_queue.config_set("maxmemory", 0)
        assert (await place_until_accepted(client, "key-3")).status_code == 202
    assert len(await entries(own_queue)) == 2
    told = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "OutOfMemoryError" in told
    assert "Sari" not in told
    assert "Merdeka" not in told


async def test_a_queue_that_takes_no_writes_is_503(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path
) -> None:
    """A pending hash that is none, and then a replica."""
    async with publisher(own_server.url, tmp_path / "audit") as client:
        await until_ready(client, is_ok)
        await own_queue.set(f"pending:{GUEST}", "not a hash")
        refused(await place(client, "key-1"))
        await own_queue.delete(f"pending:{GUEST}")
        assert (await place(client, "key-1")).status_code == 202
        assert len({entry["order_id"] for entry in await entries(own_queue)}) == 1
        await own_queue.replicaof("127.0.0.1", str(free_port()))
        refused(await place(client, "key-2"))


async def test_an_order_of_which_one_part_is_refused_is_refused_whole(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with (
        redis_user(queue, queue_server, "~* +set +get +multi +exec +xadd") as url,
        publisher(url, tmp_path) as client,
    ):
        refused(await place(client, "key-1"))
    assert await entries(queue) == []
    assert audited(tmp_path) == []
    # Its key is not taken for ever.
    (record,) = await queue.keys("idem:*")
    assert 0 < await queue.ttl(record) <= 3600


@pytest.mark.parametrize(
    ("limit", "status"), [("queue_timeout_seconds", 503), ("request_timeout_seconds", 504)]
)
async def test_a_silent_queue_costs_no_more_than_the_time_for_it_and_the_key_can_be_repeated(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path, limit: str, status: int
) -> None:
    async with publisher(own_server.url, tmp_path / "audit", **{limit: 0.3}) as client:
        await until_ready(client, is_ok)
        own_server.send(signal.SIGSTOP)
        late = await place(client, "key-1")
        own_server.send(signal.SIGCONT)
        assert late.status_code == status
        assert "same Idempotency-Key is safe" in late.json()["detail"]
        await until_ready(client, is_ok)
        again = await place_until_accepted(client, "key-1")
        assert again.status_code == 202
    assert {entry["order_id"] for entry in await entries(own_queue)} == {again.json()["order_id"]}


async def test_a_lost_reply_is_an_unknown_outcome_that_a_repetition_settles(
    queue_server: RedisServer, queue: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = Pipeline.execute

    async def execute_and_lose_the_reply(transaction: Pipeline) -> None:
        await execute(transaction)
        raise ConnectionError("lost with the connection")

    async with publisher(queue_server.url, tmp_path) as client:
        with monkeypatch.context() as broken:
            broken.setattr(Pipeline, "execute", execute_and_lose_the_reply)
            assert "may have arrived" in refused(await place(client, "key-1"))
        assert (await place(client, "key-1")).status_code == 202
    # No second entry: the lost EXEC had marked the key.
    assert len(await entries(queue)) == 1


async def test_a_backlog_at_its_bound_takes_no_more(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path, max_backlog_orders=3) as client:
        for number in range(3):
            assert (await place(client, f"key-{number}")).status_code == 202
        ready = await until_ready(client, queue_says("Too many"))
        assert ready["status"] == "ok"
        full = await place(client, "key-3")
        assert "Too many orders" in refused(full)
        assert full.headers["retry-after"] == "10"
        assert await queue.keys("idem:*key-3") == []
        assert (await place(client, "key-0")).status_code == 202

        [(oldest, _), *_] = await raw_entries(queue)
        await queue.xdel("orders", oldest)
        assert (await place_until_accepted(client, "key-3")).status_code == 202
    assert len(await entries(queue)) == 3


async def test_an_old_entry_or_little_memory_takes_no_more_either(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path
) -> None:
    await own_queue.config_set("maxmemory", "1gb")
    async with publisher(own_server.url, tmp_path / "a", max_memory_share=0.0001) as client:
        await until_ready(client, queue_says("short of memory"))
        assert "short of memory" in refused(await place(client, "key-1"))
    assert await own_queue.exists("orders") == 0
    async with publisher(own_server.url, tmp_path / "b", max_oldest_age_seconds=60) as client:
        a_while_ago = f"{int(time.time() - 100) * 1000}-0"
        await own_queue.xadd("orders", {"order": "of before"}, id=a_while_ago)
        await until_ready(client, queue_says("for too long"))
        assert "waiting for too long" in refused(await place(client, "key-1"))
        await own_queue.xdel("orders", a_while_ago)
        await own_queue.xadd("orders", {"order": "of now"})
        assert (await place_until_accepted(client, "key-1")).status_code == 202


async def test_a_queue_that_is_not_durable_or_no_longer_is_announced_loudly(
    own_server: RedisServer,
    own_queue: Redis,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The SDK keeps one callback for a gauge, that of the run's first publisher.
    gauges: dict[str, Callable[[], float | None]] = {}
    monkeypatch.setattr(
        "services.publisher.resources.observe_gauge",
        lambda metric, read: gauges.update({metric.name: read}),
    )
    async with publisher(own_server.url, tmp_path / "audit") as client:
        ready = await until_ready(client, is_ok)
        assert ready["checks"]["queue"]["detail"].startswith("durable")
        assert gauges["arloji.queue.durable"]() == 1
        assert "NOT DURABLE" not in caplog.text
        await own_queue.config_set("appendonly", "no")
        await until_ready(client, queue_says("NOT DURABLE"))
        assert gauges["arloji.queue.durable"]() == 0
        assert (await place(client, "key-1")).status_code == 202
    assert gauges["arloji.queue.durable"]() is None
    assert caplog.text.count("THE QUEUE IS NOT DURABLE") == 1

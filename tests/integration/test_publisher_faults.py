"""The queue away, full, slow or not durable: never a 202 that could be lost, never a 500."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis

from servicekit.redis import create_redis, is_durable
from tests.integration.publisher import (
    audited,
    entries,
    place,
    place_until_accepted,
    publisher,
    raw_entries,
    redis_user,
    until_ready,
)
from tests.servers import RedisServer, free_port, running
from tests.waiting import eventually_async as eventually

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _probes_look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicekit.http_server.health._INTERVAL_SECONDS", 0.1)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A queue of the test's own, to be killed and starved."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, durable=True)
    with running(server):
        yield server


@pytest.fixture
async def own_queue(own_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(own_server.url, protocol=2) as client:
        yield client


def is_ok(answer: Any) -> bool:
    return bool(answer["status"] == "ok")


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
        refused(await place(client, "while it is away"))
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
        await until_ready(
            client, lambda answer: "short of memory" in answer["checks"]["queue"]["detail"]
        )
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


async def test_a_pending_hash_that_cannot_be_written_is_503_until_it_can(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path) as client:
        await until_ready(client, is_ok)
        await queue.set("pending:00000000-0000-0000-0000-000000000007", "not a hash")
        refused(await place(client, "key-1"))
        await queue.delete("pending:00000000-0000-0000-0000-000000000007")
        assert (await place(client, "key-1")).status_code == 202
    assert len({entry["order_id"] for entry in await entries(queue)}) == 1


async def test_a_read_only_queue_is_503(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path
) -> None:
    async with publisher(own_server.url, tmp_path / "audit") as client:
        await until_ready(client, is_ok)
        await own_queue.replicaof("127.0.0.1", str(free_port()))
        refused(await place(client, "key-1"))


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


async def test_a_silent_queue_is_503_within_its_time(
    own_server: RedisServer, tmp_path: Path
) -> None:
    async with publisher(own_server.url, tmp_path / "audit", queue_timeout_seconds=0.3) as client:
        await until_ready(client, is_ok)
        own_server.send(signal.SIGSTOP)
        refused(await place(client, "key-1"))
        own_server.send(signal.SIGCONT)
        await until_ready(client, is_ok)
        assert (await place(client, "key-1")).status_code == 202


async def test_a_deadline_that_passes_is_504_and_the_key_can_be_repeated(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path
) -> None:
    async with publisher(own_server.url, tmp_path / "audit", request_timeout_seconds=0.3) as client:
        await until_ready(client, is_ok)
        own_server.send(signal.SIGSTOP)
        late = await place(client, "key-1")
        own_server.send(signal.SIGCONT)
        assert late.status_code == 504
        assert "same Idempotency-Key is safe" in late.json()["detail"]
        again = await place_until_accepted(client, "key-1")
        assert again.status_code == 202
    assert {entry["order_id"] for entry in await entries(own_queue)} == {again.json()["order_id"]}


class DeafRedis:
    """Stands before a Redis and, while `deaf`, passes commands on but no reply back."""

    def __init__(self, port: int) -> None:
        self._port, self.deaf, self.url = port, False, ""

    async def __aenter__(self) -> "DeafRedis":
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            self._pass(reader, to_redis, lambda _: False),
            self._pass(from_redis, writer, self._drops),
        )

    def _drops(self, reply: bytes) -> bool:
        # Only EXEC is answered with an array of three: its reply is lost with the connection.
        return self.deaf and b"*3\r\n" in reply

    async def _pass(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        drops: Callable[[bytes], bool],
    ) -> None:
        while (data := await source.read(65536)) and not drops(data):
            target.write(data)
        target.close()


async def test_a_lost_reply_is_an_unknown_outcome_that_a_repetition_settles(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with DeafRedis(queue_server.port) as proxy, publisher(proxy.url, tmp_path) as client:
        await until_ready(client, is_ok)
        proxy.deaf = True
        assert "may have arrived" in refused(await place(client, "key-1"))
        proxy.deaf = False
        assert (await place(client, "key-1")).status_code == 202
    # No second entry: the lost EXEC had marked the key.
    assert len(await entries(queue)) == 1


async def test_a_backlog_at_its_bound_takes_no_more(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path, max_backlog_orders=3) as client:
        for number in range(3):
            assert (await place(client, f"key-{number}")).status_code == 202
        ready = await until_ready(
            client, lambda answer: "Too many" in answer["checks"]["queue"]["detail"]
        )
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


async def test_a_backlog_that_is_too_old_takes_no_more(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, tmp_path, max_oldest_age_seconds=60) as client:
        a_while_ago = f"{int(time.time() - 100) * 1000}-0"
        await queue.xadd("orders", {"order": "of before"}, id=a_while_ago)
        await until_ready(
            client, lambda answer: "for too long" in answer["checks"]["queue"]["detail"]
        )
        assert "waiting for too long" in refused(await place(client, "key-1"))
        await queue.xdel("orders", a_while_ago)
        await queue.xadd("orders", {"order": "of now"})
        assert (await place_until_accepted(client, "key-1")).status_code == 202


async def test_memory_that_comes_to_its_end_takes_no_more_while_there_is_some_left(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path
) -> None:
    await own_queue.config_set("maxmemory", "1gb")
    async with publisher(own_server.url, tmp_path / "audit", max_memory_share=0.0001) as client:
        await until_ready(
            client, lambda answer: "short of memory" in answer["checks"]["queue"]["detail"]
        )
        assert "short of memory" in refused(await place(client, "key-1"))
    assert await own_queue.exists("orders") == 0


async def test_a_queue_that_is_not_durable_is_announced_loudly(
    cache_server: RedisServer,
    cache: Redis,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The SDK keeps one callback for a gauge, that of the run's first publisher.
    gauges: dict[str, Callable[[], float | None]] = {}
    monkeypatch.setattr(
        "services.publisher.app.observe_gauge",
        lambda metric, read: gauges.update({metric.name: read}),
    )
    async with publisher(cache_server.url, tmp_path) as client:
        ready = await until_ready(client, is_ok)
        assert "NOT DURABLE" in ready["checks"]["queue"]["detail"]
        assert gauges["arloji.queue.durable"]() == 0
        assert (await place(client, "key-1")).status_code == 202
    assert gauges["arloji.queue.durable"]() is None
    loud = [record for record in caplog.records if "NOT DURABLE" in record.message]
    assert [record.levelname for record in loud] == ["ERROR"]


async def test_durability_that_is_lost_while_running_is_noticed(
    own_server: RedisServer, own_queue: Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with publisher(own_server.url, tmp_path / "audit") as client:
        ready = await until_ready(client, is_ok)
        assert ready["checks"]["queue"]["detail"].startswith("durable")
        assert "NOT DURABLE" not in caplog.text
        await own_queue.config_set("appendonly", "no")
        await until_ready(
            client, lambda answer: "NOT DURABLE" in answer["checks"]["queue"]["detail"]
        )
    assert "NOT DURABLE" in caplog.text


async def test_a_server_that_does_not_tell_counts_as_not_durable(
    queue_server: RedisServer, queue: Redis
) -> None:
    assert await is_durable(queue)
    async with (
        redis_user(queue, queue_server, "~*") as url,
        create_redis(url, timeout_seconds=5) as silent,
    ):
        assert not await is_durable(silent)


async def test_a_cancelled_command_leaves_its_reply_to_nobody(own_server: RedisServer) -> None:
    async with create_redis(own_server.url, timeout_seconds=10, max_connections=1) as client:
        get: Any = client.get
        pipeline: Any = client.pipeline
        await client.mset({"mine": "my data", "yours": "your data"})
        own_server.send(signal.SIGSTOP)
        given_up = asyncio.create_task(get("mine"))
        queued = asyncio.create_task(pipeline().get("mine").execute())
        await asyncio.sleep(0.1)
        given_up.cancel()
        await asyncio.sleep(0.1)
        queued.cancel()
        await asyncio.gather(given_up, queued, return_exceptions=True)
        own_server.send(signal.SIGCONT)
        assert given_up.cancelled()
        assert queued.cancelled()
        assert await client.get("yours") == b"your data"
        assert await pipeline().get("yours").execute() == [b"your data"]


async def test_a_cancelled_command_always_ends_its_task(
    queue_server: RedisServer, queue: Redis
) -> None:
    """A loop that is cancelled once must end, whatever it was about to do."""
    for turns in range(100):
        async with create_redis(queue_server.url, timeout_seconds=30) as client:
            looking = asyncio.create_task(_look_three_times(client))
            for _ in range(turns):
                await asyncio.sleep(0)
            if looking.done():
                break
            looking.cancel()
            await asyncio.wait({looking})
            assert looking.cancelled(), f"went on although cancelled after {turns} turns"


async def _look_three_times(client: Redis) -> None:
    for _ in range(3):
        await client.get("anything")


async def test_order_and_audit_line_survive_a_killed_publisher(
    queue_server: RedisServer, queue: Redis, tmp_path: Path
) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.publisher",
        cwd=ROOT,
        env={
            **os.environ,
            "PORT": str(port),
            "QUEUE_REDIS_URL": queue_server.url,
            "AUDIT_DIRECTORY": str(tmp_path),
        },
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await eventually(lambda: _answers(client), seconds=60)
            accepted = await place(client, "key-1")
    finally:
        process.kill()
        await process.wait()
    assert accepted.status_code == 202
    [entry] = await entries(queue)
    [line] = audited(tmp_path)
    assert accepted.json()["order_id"] == entry["order_id"] == line["order_id"]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).is_success
    except httpx.TransportError:
        return False

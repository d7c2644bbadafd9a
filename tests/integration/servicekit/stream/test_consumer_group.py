"""The stream layer on every Redis that it may meet: the one installed here, 6.2 where the
embedded run has unpacked it, and the in-memory stand-in."""

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from fakeredis import TcpFakeServer
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from local.free_port import free_port
from servicekit.redis import create_redis
from servicekit.stream.consumer_group import ConsumerGroup, Entry, HashChange
from servicekit.stream.maintenance import delete_consumer, maintain_group
from servicekit.stream.state import StreamNames, fetch_stream_state
from tests.servers import RedisServer, running
from tests.waiting import eventually_async as eventually

NAMES = StreamNames(stream="jobs", dead_stream="jobs:dead", group="workers")
BUNDLED = next(iter(Path(sys.prefix).glob("redis/*/redis-server")), None)
REAL = ["installed", *(["6.2"] if BUNDLED else [])]
# The stand-in closes the connection after every error: what a test does next would fail.
real_servers = pytest.mark.parametrize("server_url", REAL, indirect=True, scope="module")


@pytest.fixture(scope="module", params=[*REAL, "stand-in"])
def server_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    if request.param == "stand-in":
        port = free_port()
        stand_in = TcpFakeServer(("127.0.0.1", port), server_type="redis", server_version=(6, 2))
        stand_in.daemon_threads = True
        thread = threading.Thread(target=stand_in.serve_forever, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{port}/0"
        stand_in.shutdown()
        stand_in.server_close()
        return
    program = str(BUNDLED) if request.param == "6.2" else None
    server = RedisServer(tmp_path_factory.mktemp("stream"), durable=True, program=program)
    with running(server):
        yield server.url


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[Redis]:
    client = create_redis(server_url, timeout_seconds=5)
    await client.flushall()
    yield client
    await client.aclose()


def consumer(client: Redis, name: str = "first", claim_idle_seconds: float = 0) -> ConsumerGroup:
    return ConsumerGroup(client, NAMES, consumer=name, claim_idle_seconds=claim_idle_seconds)


@pytest.fixture
async def first(client: Redis) -> ConsumerGroup:
    group = consumer(client)
    await group.create()
    return group


async def add(client: Redis, *payloads: str) -> list[str]:
    async with client.pipeline(transaction=False) as pipeline:
        for one in payloads:
            pipeline.xadd("jobs", {"payload": one})
        return [entry_id.decode() for entry_id in await pipeline.execute()]


async def claim_all(group: ConsumerGroup) -> list[Entry]:
    return [entry async for entry in group.claimed()]


async def counts(client: Redis) -> dict[str, int]:
    found: Any = await client.xpending_range("jobs", "workers", "-", "+", 1000)
    return {one["message_id"].decode(): one["times_delivered"] for one in found}


def payloads(entries: list[Entry]) -> list[bytes]:
    return [entry.fields[b"payload"] for entry in entries]


async def test_what_was_added_before_the_group_existed_is_delivered_once(client: Redis) -> None:
    await add(client, "early", "late")
    group = consumer(client)
    assert await group.create() is True
    (entry,) = await group.read(1)
    assert (entry.fields[b"payload"], entry.deliveries) == (b"early", 1)
    assert payloads(await group.read(10)) == [b"late"]


@real_servers
async def test_creating_a_group_again_changes_nothing(client: Redis, first: ConsumerGroup) -> None:
    await add(client, "a", "b")
    await first.read(1)
    assert await first.create() is False
    assert payloads(await first.read(10)) == [b"b"]


async def test_both_streams_are_there_before_their_first_entry(
    client: Redis, first: ConsumerGroup
) -> None:
    for stream in (first.names.stream, first.names.dead_stream):
        assert await client.xlen(stream) == 0
        assert await client.exists(stream)


async def test_a_settled_entry_is_gone_with_the_field_beside_it(
    client: Redis, first: ConsumerGroup
) -> None:
    await add(client, "a", "b")
    await client.hset("beside", mapping={"a": "1", "b": "1"})
    entries = await first.read(1)
    await first.settle(entries, [HashChange("beside", "a"), HashChange("beside", "c", "2")])
    assert (await client.xlen("jobs"), await counts(client), first.in_flight) == (1, {}, {})
    assert await client.hgetall("beside") == {b"b": b"1", b"c": b"2"}


async def test_a_dead_letter_keeps_its_fields_and_says_why(
    client: Redis, first: ConsumerGroup
) -> None:
    await add(client, "poison")
    (entry,) = await first.read(10)
    await first.dead_letter(entry, {b"reason": b"bad"}, HashChange("beside", "a", "held"))
    dead: Any = await client.xrange("jobs:dead")
    ((_, fields),) = dead
    assert fields == {b"payload": b"poison", b"reason": b"bad"}
    assert (await client.xlen("jobs"), await counts(client), first.in_flight) == (0, {}, {})
    assert await client.hget("beside", "a") == b"held"


@real_servers
@pytest.mark.parametrize("end", ["settle", "dead_letter"])
async def test_an_end_is_recorded_whole_or_not_at_all(
    client: Redis, server_url: str, first: ConsumerGroup, end: str
) -> None:
    """Here one command is refused; whoever dies in between leaves no half either."""
    execute: Any = client.execute_command
    await execute("ACL", "SETUSER", "guarded", *["on", ">secret", "~*", "+@all", "-hdel"])
    (entry_id,) = await add(client, "a")
    (entry,), change = await first.read(10), HashChange("beside", "a")
    url = server_url.replace("redis://", "redis://guarded:secret@")
    async with create_redis(url, timeout_seconds=5) as guarded:
        first.client = guarded
        with pytest.raises(NoPermissionError):
            await (
                first.settle([entry], [change])
                if end == "settle"
                else first.dead_letter(entry, {}, change)
            )
    await execute("ACL", "DELUSER", "guarded")
    assert (await client.xlen("jobs"), await client.xlen("jobs:dead")) == (1, 0)
    assert await counts(client) == {entry_id: 1}
    assert list(first.in_flight) == [entry_id]


@real_servers
async def test_reading_waits_for_the_first_entry(
    client: Redis, server_url: str, first: ConsumerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.stream.consumer_group.BLOCK_SECONDS", 60)

    async def blocked() -> Any:
        return (await client.info("clients"))["blocked_clients"]

    async with create_redis(server_url, timeout_seconds=90) as patient:
        first.client = patient
        reading = asyncio.create_task(first.read(10))
        await eventually(blocked)
        await add(client, "late")
        assert payloads(await reading) == [b"late"]


async def test_an_idle_loop_does_not_spin_where_reading_does_not_wait(
    client: Redis, first: ConsumerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with the stand-in, whose blocking reads do not block."""
    monkeypatch.setattr("servicekit.stream.consumer_group.BLOCK_SECONDS", 1)

    async def answer_at_once(*_: Any, **__: Any) -> list[Any]:
        return []

    monkeypatch.setattr(client, "xreadgroup", answer_at_once)
    began = time.monotonic()
    assert await first.read(10) == []
    assert time.monotonic() - began >= 0.1


async def test_what_a_dead_consumer_had_is_delivered_again_and_counted_one_by_one(
    client: Redis, first: ConsumerGroup
) -> None:
    """What waits behind an entry that kills its consumer does not count as delivered again."""
    ids = await add(client, *"abcdefghijklmnopqrstuvwxyz")
    assert len(await first.read(26)) == 26
    second = consumer(client, "second")
    async with aclosing(second.claimed()) as claiming:
        await anext(claiming)
    assert await counts(client) == dict(zip(ids, [2] + [1] * 25, strict=True))
    claimed = await claim_all(second)
    assert b"".join(payloads(claimed)) == b"abcdefghijklmnopqrstuvwxyz"
    assert [entry.deliveries for entry in claimed] == [3] + [2] * 25


async def test_an_entry_is_not_claimed_before_its_time(client: Redis, first: ConsumerGroup) -> None:
    early, late = await add(client, "early", "late")
    await first.read(10)
    for entry_id, idle_seconds in ((early, 3500), (late, 3601)):
        await client.xclaim(
            "jobs", "workers", "first", 0, [entry_id], idle=idle_seconds * 1000, justid=True
        )
    second = consumer(client, "second", claim_idle_seconds=3600)
    assert payloads(await claim_all(second)) == [b"late"]


async def test_what_is_released_is_claimable_at_once_and_cost_no_delivery(client: Redis) -> None:
    first, second = (consumer(client, name, 3600) for name in ("first", "second"))
    await first.create()
    ids = await add(client, "a", "b")
    await first.read(10)
    await first.release()
    assert (await counts(client), first.in_flight) == (dict.fromkeys(ids, 0), {})
    assert [entry.deliveries for entry in await claim_all(second)] == [1, 1]
    third = consumer(client, "third")
    assert [entry.deliveries for entry in await claim_all(third)] == [2, 2]
    await third.release()
    assert await counts(client) == dict.fromkeys(ids, 1)


async def test_releasing_leaves_alone_what_another_has_claimed(
    client: Redis, first: ConsumerGroup
) -> None:
    await add(client, "a")
    await first.read(10)
    await claim_all(consumer(client, "second"))
    await first.release()
    (state,) = await client.xpending_range("jobs", "workers", "-", "+", 10)
    assert (state["consumer"], state["times_delivered"]) == (b"second", 2)


async def test_a_deleted_entry_does_not_stay_pending_for_ever(
    client: Redis, first: ConsumerGroup
) -> None:
    gone, kept = await add(client, "gone", "kept")
    await first.read(10)
    await client.xdel("jobs", gone)
    assert payloads(await claim_all(first)) == [b"kept"]
    assert list(await counts(client)) == [kept]


@pytest.mark.parametrize("noticed", ["reading", "claiming", "releasing"])
async def test_a_lost_group_is_created_again_with_an_alarm_and_delivers_what_is_left(
    client: Redis, first: ConsumerGroup, noticed: str, caplog: pytest.LogCaptureFixture
) -> None:
    await add(client, "before the loss")
    if noticed == "releasing":
        await first.read(10)
    await client.flushall()
    await add(client, "after the loss")
    with caplog.at_level(logging.ERROR):
        if noticed == "releasing":
            await first.release()
            assert first.in_flight == {}
        else:
            assert await (first.read(10) if noticed == "reading" else claim_all(first)) == []
    assert "lost data" in caplog.text
    assert payloads(await first.read(10)) == [b"after the loss"]


async def test_a_consumer_with_pending_entries_is_never_deleted(
    client: Redis, first: ConsumerGroup
) -> None:
    await add(client, "a")
    await first.read(10)
    await delete_consumer(first)
    await maintain_group(consumer(client, "second"), silent_ms=-1)
    assert len(await counts(client)) == 1
    await first.settle(list(first.in_flight.values()), [])
    await delete_consumer(first)
    assert await client.xinfo_consumers("jobs", "workers") == []


async def test_consumers_long_gone_are_deleted(
    client: Redis, first: ConsumerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, read = consumer(client, "second"), client.xinfo_consumers
    for one in (first, second):
        await add(client, "a")
        await one.settle(await one.read(10), [])

    async def names_after(minutes: float) -> list[bytes]:
        """Of maintenance, had everybody been silent for so long."""

        async def read_later(*names: str) -> list[Any]:
            return [{**one, "idle": int(minutes * 60_000)} for one in await read(*names)]

        monkeypatch.setattr(client, "xinfo_consumers", read_later)
        await maintain_group(second)
        return sorted(one["name"] for one in await read("jobs", "workers"))

    assert await names_after(59) == [b"first", b"second"]
    # But not itself, however silent it was.
    assert await names_after(61) == [b"second"]


async def test_entries_that_a_deleted_consumer_took_along_are_delivered_again(
    client: Redis, first: ConsumerGroup, caplog: pytest.LogCaptureFixture
) -> None:
    """More than fit in one page, and as many of somebody else's, which are left alone."""
    await add(client, "settled", *["pending"] * 150, *["orphan"] * 150, "new")
    await first.settle(await first.read(1), [])
    pending = await first.read(150)
    await consumer(client, "careless").read(150)
    await client.xgroup_delconsumer("jobs", "workers", "careless")
    assert await claim_all(consumer(client, "second", claim_idle_seconds=3600)) == []
    with caplog.at_level(logging.ERROR):
        await maintain_group(first)
    assert "150 entries were pending with no consumer" in caplog.text
    delivered = await counts(client)
    assert {delivered.pop(entry.entry_id) for entry in pending} == {1}
    assert list(delivered.values()) == [0] * 150
    second = consumer(client, "second")
    assert payloads(await claim_all(second)) == [b"pending"] * 150 + [b"orphan"] * 150
    assert payloads(await second.read(10)) == [b"new"]


async def test_the_state_tells_what_waits_what_is_pending_and_what_is_dead(
    client: Redis, first: ConsumerGroup
) -> None:
    await client.xadd("jobs", {"payload": "old"}, id="1000-0")
    await add(client, "a", "b", "c")
    (entry, _) = await first.read(2)
    state = await fetch_stream_state(client, NAMES)
    assert (state.backlog, state.pending, state.dead) == (4, 2, 0)
    assert state.oldest_age_seconds == pytest.approx(time.time() - 1, abs=60)
    await first.dead_letter(entry, {}, None)
    state = await fetch_stream_state(client, NAMES)
    assert (state.backlog, state.pending, state.dead) == (3, 1, 1)
    assert state.oldest_age_seconds < 60


@real_servers
async def test_the_state_of_an_empty_queue_is_all_zero(client: Redis) -> None:
    state = await fetch_stream_state(client, NAMES)
    assert (state.backlog, state.oldest_age_seconds, state.pending, state.dead) == (0, 0, 0, 0)


async def test_an_idle_loop_leaves_no_spans(
    client: Redis, first: ConsumerGroup, spans: InMemorySpanExporter
) -> None:
    await add(client, "a")
    spans.clear()
    await first.read(10)
    await claim_all(first)
    await first.release()
    await maintain_group(first)
    await delete_consumer(first)
    assert spans.get_finished_spans() == ()

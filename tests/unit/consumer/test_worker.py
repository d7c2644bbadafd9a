"""The consumer's loop: what it does in which order, when it stops, and when it counts as hung."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from servicekit.http_server.health import Health
from servicekit.stream.consumer_group import Entry
from services.consumer import worker as worker_module
from services.consumer.repository import DatabaseUnavailable
from services.consumer.worker import Worker
from tests.waiting import eventually_async as eventually

LONG_AGO = float("-inf")
LOST = RedisConnectionError("lost")


class Stage:
    """Stands for the group, the handler and the repository at once: notes what the loop does to
    them, and fails, waits or stops where a test says so."""

    def __init__(self) -> None:
        self.health, self.did = Health(), list[str]()
        self.new, self.old = list[Entry](), list[Entry]()
        self.in_flight: dict[str, Entry] = {}
        # By name of what is done: an exception to raise, or a function to call, each time.
        self.acts: dict[str, Exception | Callable[[], Any]] = {}

    async def act(self, what: str) -> None:
        self.did.append(what)
        await asyncio.sleep(0.001)
        act = self.acts.get(what)
        if isinstance(act, Exception):
            raise act
        if act is not None:
            act()

    async def create(self) -> None:
        await self.act("join")

    async def read(self, count: int) -> list[Entry]:
        await self.act("read")
        entries, self.new = self.new[:count], self.new[count:]
        self.in_flight |= {entry.entry_id: entry for entry in entries}
        return entries

    async def claimed(self) -> AsyncGenerator[Entry, None]:
        await self.act("claim")
        while self.old:
            entry = self.old.pop(0)
            self.in_flight[entry.entry_id] = entry
            yield entry

    async def release(self) -> None:
        await self.act("release")
        self.in_flight.clear()

    async def handle_together(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        await self.act("together")
        return entries

    async def handle_alone(self, entry: Entry) -> None:
        await self.act(f"alone {entry.entry_id}")
        self.in_flight.pop(entry.entry_id)

    async def check(self) -> str:
        await self.act("check")
        return ""

    def running(self) -> Any:
        one: Any = self
        return Worker(one, one, one, self.health, batch_size=10).running()

    async def until_done(self, what: str, times: int = 1) -> None:
        await eventually(lambda: self.did, lambda did: did.count(what) >= times)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    for name, what in (("maintain_group", "maintain"), ("delete_consumer", "delete")):
        monkeypatch.setattr(worker_module, name, lambda _group, what=what: stage.act(what))
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 0)
    return stage


def entries(*names: str) -> list[Entry]:
    return [Entry(name, {}, 1) for name in names]


async def test_the_loop_joins_claims_maintains_and_reads_in_this_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that others left is claimed in one turn; claiming and maintenance have their time."""
    stage.old = entries("1", "2")
    expected = ["check", "join", "claim", "alone 1", "alone 2", "maintain", *["read"] * 3]
    async with stage.running():
        await stage.until_done("read", 3)
        assert stage.did[: len(expected)] == expected
    monkeypatch.setattr(worker_module, "_CLAIM_EVERY_SECONDS", 0)
    monkeypatch.setattr(worker_module, "_MAINTAIN_EVERY_SECONDS", 0)
    stage.did.clear()
    async with stage.running():
        await stage.until_done("claim", 2)
        await stage.until_done("maintain", 2)


WAITING: dict[str, dict[str, Exception]] = {
    "idle": {},
    "queue lost": {"read": LOST},
    "database lost at the start": {"check": DatabaseUnavailable()},
    "broken": {"read": ArithmeticError()},
}


@pytest.mark.parametrize("acts", WAITING.values(), ids=WAITING)
async def test_a_loop_that_waits_is_alive_and_reads_nothing_without_the_database(
    stage: Stage, acts: dict[str, Any]
) -> None:
    stage.acts, stage.new = acts, entries("1")
    async with stage.running():
        await eventually(lambda: len(stage.did), lambda steps: steps > 2)
        stage.health._last_beat = LONG_AGO
        assert not stage.health.alive, "no limit: a loop that hangs would count as alive"
        await eventually(lambda: stage.health.alive)
        assert "read" not in stage.did or "check" not in acts


@pytest.mark.parametrize("where", ["old", "new"])
async def test_each_order_handled_alone_is_a_sign_of_life(stage: Stage, where: str) -> None:
    """A hundred slow ones must not look like one that hangs."""
    setattr(stage, where, entries("1", "2"))
    alive: list[bool] = []
    stage.acts["alone 1"] = lambda: setattr(stage.health, "_last_beat", LONG_AGO)
    stage.acts["alone 2"] = lambda: alive.append(stage.health.alive)
    async with stage.running():
        await stage.until_done("alone 2")
    assert alive == [True]


RECOVERIES: dict[str, tuple[Exception, list[str]]] = {
    "database lost": (DatabaseUnavailable(), ["release", "check", "read"]),
    "queue lost": (LOST, ["release", "read"]),
    # Released, it would come again as if for the first time, for ever.
    "an error of ours": (ArithmeticError(), ["read"]),
}


@pytest.mark.parametrize(("error", "steps"), RECOVERIES.values(), ids=RECOVERIES)
async def test_what_is_in_flight_is_released_unless_it_must_cost_a_delivery(
    stage: Stage, error: Exception, steps: list[str]
) -> None:
    stage.new, stage.acts["together"] = entries("1"), error
    async with stage.running():
        await stage.until_done("read", 2)
        after = stage.did.index("together") + 1
        assert stage.did[after : after + len(steps)] == steps
        assert stage.in_flight == {}


JOINED = ["check", "join", "claim"]
STOPS = {
    "check": ["check"],
    "alone 1": [*JOINED, "alone 1", "maintain"],
    "read": [*JOINED, "maintain", "read"],
    "together": [*JOINED, "maintain", "read", "together"],
    "alone 3": [*JOINED, "maintain", "read", "together", "alone 3"],
}


@pytest.mark.parametrize(("at", "did"), STOPS.items(), ids=STOPS)
async def test_from_the_signal_on_nothing_new_is_begun(
    stage: Stage, at: str, did: list[str]
) -> None:
    """While the process drains it is asked for its life, but takes no orders. What is in flight
    is released; then the consumer is deleted."""
    stage.old = entries("1", "2") if at == "alone 1" else []
    stage.new = entries("3", "4")
    stage.acts[at] = stage.health.start_draining
    async with stage.running():
        await stage.until_done("delete")
        assert stage.did == [*did, "release", "delete"]
        stage.health._last_beat = LONG_AGO
        assert stage.health.alive


async def test_a_stop_does_not_wait_for_the_end_of_a_pause(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 1200)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 1200)
    stage.acts["check"] = DatabaseUnavailable()

    async def run() -> None:
        async with stage.running():
            await stage.until_done("check")

    task = asyncio.create_task(run())
    await asyncio.wait([task], timeout=30)
    assert task.done(), "the stop waits for the pause"
    await task
    assert stage.did == ["check", "release", "delete"]


async def test_pauses_grow_to_a_limit_and_are_short_again_after_a_success(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[float, float]] = []
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 3)

    def choose(shortest: float, longest: float) -> float:
        bounds.append((shortest, longest))
        return 0

    monkeypatch.setattr("random.uniform", choose)

    def fail_six_times() -> None:
        if stage.did.count("read") not in (6, 7):
            raise LOST

    stage.acts["read"] = fail_six_times
    async with stage.running():
        await eventually(lambda: bounds, lambda found: len(found) >= 6)
    assert bounds[:6] == [(0.1, longest) for longest in (0.4, 0.8, 1.6, 3, 3, 0.4)]


async def test_a_lost_queue_does_not_keep_the_consumer_from_stopping(stage: Stage) -> None:
    stage.acts, stage.new = {"read": LOST, "release": LOST}, entries("1")
    async with stage.running():
        await stage.until_done("read")
    assert stage.did[-1] == "release"

"""The consumer's loop: what it does in which order, when it stops, and when it counts as hung."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from types import SimpleNamespace
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


class Stage:
    """Stands for the group, the handler and the store at once: notes what the loop does to them,
    and fails, waits or stops where a test says so."""

    def __init__(self, health: Health) -> None:
        self.health, self.did = health, list[str]()
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


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(Health())
    for name, what in (("maintain_group", "maintain"), ("delete_consumer", "delete consumer")):
        monkeypatch.setattr(worker_module, name, lambda _group, what=what: stage.act(what))
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 0)
    return stage


def running(stage: Stage) -> Any:
    one: Any = stage
    return Worker(one, one, one, stage.health, batch_size=10).running()


def entries(*names: str) -> list[Entry]:
    return [Entry(name, {}, 1) for name in names]


async def until_done(stage: Stage, what: str, times: int = 1) -> None:
    await eventually(lambda: stage.did, lambda did: did.count(what) >= times)


async def test_the_loop_joins_claims_keeps_up_and_reads_in_this_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(stage):
        await until_done(stage, "read", 3)
        # Claiming and maintenance have their time: not at each turn.
        assert stage.did[:7] == ["check", "join", "claim", "maintain", "read", "read", "read"]
        monkeypatch.setattr(worker_module, "_CLAIM_EVERY_SECONDS", 0)
        monkeypatch.setattr(worker_module, "_MAINTAIN_EVERY_SECONDS", 0)
    stage.did.clear()
    async with running(stage):
        await until_done(stage, "claim", 2)
        await until_done(stage, "maintain", 2)


async def test_all_that_others_left_is_claimed_in_one_turn(stage: Stage) -> None:
    stage.old = entries("1", "2", "3")
    async with running(stage):
        await until_done(stage, "read")
    assert stage.did[2:6] == ["claim", "alone 1", "alone 2", "alone 3"]


WAITING: dict[str, dict[str, Exception]] = {
    "idle": {},
    "queue away": {"read": RedisConnectionError("away")},
    "database away at the start": {"check": DatabaseUnavailable()},
    "broken": {"read": ArithmeticError()},
}


@pytest.mark.parametrize("acts", WAITING.values(), ids=WAITING)
async def test_a_loop_that_waits_is_alive(stage: Stage, acts: dict[str, Any]) -> None:
    stage.acts, stage.new = acts, entries("1")
    async with running(stage):
        await eventually(lambda: len(stage.did), lambda steps: steps > 2)
        stage.health._last_beat = LONG_AGO
        assert not stage.health.alive, "no limit: a loop that hangs would count as alive"
        await eventually(lambda: stage.health.alive)


@pytest.mark.parametrize("where", ["old", "new"])
async def test_each_order_handled_alone_is_a_sign_of_life(stage: Stage, where: str) -> None:
    """A hundred slow ones must not look like one that hangs."""
    setattr(stage, where, entries("1", "2"))
    alive: list[bool] = []
    stage.acts["alone 1"] = lambda: setattr(stage.health, "_last_beat", LONG_AGO)
    stage.acts["alone 2"] = lambda: alive.append(stage.health.alive)
    async with running(stage):
        await until_done(stage, "alone 2")
    assert alive == [True]


async def test_without_the_database_what_is_in_hand_goes_back_and_nothing_is_read(
    stage: Stage,
) -> None:
    def lose() -> None:
        stage.acts["check"] = DatabaseUnavailable()
        raise DatabaseUnavailable

    stage.new = entries("1")
    stage.acts["together"] = lose
    async with running(stage):
        await until_done(stage, "check", 5)
        after = stage.did[stage.did.index("together") + 1 :]
        assert after == ["release", *["check"] * (len(after) - 1)]
        del stage.acts["check"]
        await until_done(stage, "read", 2)


async def test_what_was_in_hand_as_the_queue_went_goes_back_before_anything_else(
    stage: Stage,
) -> None:
    stage.new = entries("1")
    stage.acts = {"together": RedisConnectionError("away")}
    async with running(stage):
        await until_done(stage, "together")
        await until_done(stage, "read", 2)
    assert stage.did[stage.did.index("together") + 1] == "release"


async def test_an_error_of_ours_costs_a_delivery(stage: Stage) -> None:
    """Handed back, it would come again as if for the first time, for ever."""
    stage.new = entries("1")
    stage.acts = {"together": ArithmeticError()}
    async with running(stage):
        await until_done(stage, "read", 2)
        assert "release" not in stage.did
        assert stage.in_flight == {}


STOPS = {
    "before anything": ("check", ["check"]),
    "while claiming": ("alone 1", ["check", "join", "claim", "alone 1", "maintain"]),
    "while reading": ("read", ["check", "join", "claim", "maintain", "read"]),
    "in a batch": (
        "together",
        ["check", "join", "claim", "maintain", "read", "together"],
    ),
    "between two orders": (
        "alone 3",
        ["check", "join", "claim", "maintain", "read", "together", "alone 3"],
    ),
}


@pytest.mark.parametrize(("at", "did"), STOPS.values(), ids=STOPS)
async def test_from_the_signal_on_nothing_new_is_begun(
    stage: Stage, at: str, did: list[str]
) -> None:
    """While the process drains it is asked for its life, but takes no orders. What it has in hand
    it hands back; then its name goes."""
    stage.old = entries("1", "2") if at == "alone 1" else []
    stage.new = entries("3", "4")
    stage.acts[at] = stage.health.start_draining
    async with running(stage):
        await until_done(stage, "delete consumer")
        assert stage.did == [*did, "release", "delete consumer"]
        stage.health._last_beat = LONG_AGO
        assert stage.health.alive


async def test_a_stop_does_not_wait_for_the_end_of_a_pause(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 1200)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 1200)
    stage.acts["check"] = DatabaseUnavailable()
    stopping = SimpleNamespace(done=False)

    async def run() -> None:
        async with running(stage):
            await until_done(stage, "check")
        stopping.done = True

    task = asyncio.create_task(run())
    await eventually(lambda: stopping.done)
    await task
    assert stage.did == ["check", "release", "delete consumer"]


async def test_pauses_grow_to_a_limit_and_are_short_again_after_a_success(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[tuple[float, float]] = []
    monkeypatch.setattr(worker_module, "_PAUSE_SECONDS", 0.2)
    monkeypatch.setattr(worker_module, "_LONGEST_PAUSE_SECONDS", 3)
    monkeypatch.setattr(
        worker_module.random, "uniform", lambda *between: bounds.append(between) or 0
    )

    def fail_six_times() -> None:
        if stage.did.count("read") not in (6, 7):
            raise RedisConnectionError("away")

    stage.acts["read"] = fail_six_times
    async with running(stage):
        await eventually(lambda: bounds, lambda found: len(found) >= 6)
    assert bounds[:6] == [(0.1, longest) for longest in (0.4, 0.8, 1.6, 3, 3, 0.4)]


async def test_a_queue_that_is_away_does_not_keep_the_consumer_from_stopping(stage: Stage) -> None:
    stage.acts = {"read": RedisConnectionError("away"), "release": RedisConnectionError("away")}
    stage.new = entries("1")
    async with running(stage):
        await until_done(stage, "read")
    assert stage.did[-1] == "release"

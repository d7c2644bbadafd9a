"""The limiter, in a loop whose time the test moves: nobody is counted twice, forgotten or left
waiting beside a free place."""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from servicekit.admission.lag import LoopLag
from servicekit.admission.lifo_queue import QueueSettings
from servicekit.admission.limit import AdaptiveLimit, LimitSettings
from servicekit.admission.limiter import (
    DEADLINE,
    LAG,
    LEFT,
    LIMIT,
    ConcurrencyLimiter,
    PriorityClass,
    Rejected,
)
from tests.clocks import STATEFUL, Clock, StillLoop

SHARES = {"orders": 1.0, "product": 0.9, "list": 0.7}


class Request:
    def __init__(self, why: str | None = None) -> None:
        self.why = why

    def lost(self, needs_seconds: float) -> str | None:
        return self.why


def create_limiter(
    clock: Callable[[], float], lag: LoopLag | None = None, *, most: int = 10, length: int = 4
) -> ConcurrencyLimiter:
    queue = QueueSettings(length=length)
    classes = {name: PriorityClass(name, share, 0.05, queue) for name, share in SHARES.items()}
    settings = LimitSettings(least=1, most=most, initial=most)
    return ConcurrencyLimiter(classes, AdaptiveLimit(settings, clock), lag or LoopLag(Clock()))


class Visits(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = StillLoop()
        self.limiter = create_limiter(self.loop.time)
        self.visits: list[tuple[str, Request, asyncio.Task[None]]] = []
        self.inside: list[str] = []
        self.ends: dict[int, list[str]] = {}

    @rule(name=st.sampled_from([*SHARES]))
    def come(self, name: str) -> None:
        kind, request, number = self.limiter.classes[name], Request(), len(self.visits)
        self.ends[number] = []

        async def visit() -> None:
            try:
                await self.limiter.acquire(kind, request)
            except Rejected as rejected:
                self.ends[number].append(rejected.reason)
            except asyncio.CancelledError:
                self.ends[number].append("cancelled")
            else:
                self.ends[number].append("inside")
                self.inside.append(name)

        self.loop.turn(lambda: self.visits.append((name, request, self.loop.create_task(visit()))))

    @precondition(lambda self: self.inside)
    @rule(data=st.data(), seconds=st.none() | st.floats(0, 2))
    def leave(self, data: st.DataObject, seconds: float | None) -> None:
        name = data.draw(st.sampled_from(self.inside))
        self.inside.remove(name)
        self.loop.turn(lambda: self.limiter.release(self.limiter.classes[name], seconds))

    @precondition(lambda self: any(not task.done() for _, _, task in self.visits))
    @rule(data=st.data(), how=st.sampled_from(["cancel", LEFT, DEADLINE]))
    def be_lost(self, data: st.DataObject, how: str) -> None:
        waiting = [one for one in self.visits if not one[2].done()]
        _, request, task = data.draw(st.sampled_from(waiting))
        if how == "cancel":
            self.loop.turn(task.cancel)
        else:
            request.why = how

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.11]))
    def wait(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @invariant()
    def counts_are_true(self) -> None:
        for name, kind in self.limiter.classes.items():
            assert kind.in_flight == self.inside.count(name)
        assert self.limiter.in_flight == len(self.inside) <= 10
        assert all(len(ends) <= 1 for ends in self.ends.values())

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        for kind in self.limiter.classes.values():
            assert not (kind.queue and self.limiter._has_capacity(kind))
            assert len(kind.queue) <= 4

    def teardown(self) -> None:
        self.loop.advance(1)
        assert all(len(ends) == 1 for ends in self.ends.values()), "nobody waits for ever"
        for name in self.inside:
            self.limiter.release(self.limiter.classes[name], None)
        assert self.limiter.in_flight == 0
        self.loop.close()


TestVisits = Visits.TestCase
TestVisits.settings = STATEFUL


def fill(limiter: ConcurrencyLimiter, name: str, most: int = 100) -> int:
    return sum(limiter.try_acquire(limiter.classes[name]) for _ in range(most))


def test_what_matters_more_finds_places_that_the_rest_cannot_take_and_nothing_is_starved() -> None:
    limiter = create_limiter(Clock(), most=20)
    limiter.limit.value = 10
    assert [fill(limiter, "list"), fill(limiter, "product"), fill(limiter, "orders")] == [7, 3, 3]
    other = create_limiter(Clock(), most=20)
    other.limit.value = 10
    assert [fill(other, "orders"), fill(other, "product"), fill(other, "list")] == [10, 3, 3]


def test_in_a_flood_of_all_classes_each_has_its_share_and_the_first_the_most() -> None:
    limiter, rng = create_limiter(Clock(), most=100), Random(1)
    limiter.limit.value, taken = 20.0, Counter[str]()
    assert fill(limiter, "orders") == 20
    assert (fill(limiter, "product"), fill(limiter, "list")) == (5, 5), "whatever there is before"
    for _ in range(5000):
        one = rng.choices(names := [*SHARES], [limiter.classes[n].in_flight for n in names])[0]
        limiter.release(limiter.classes[one], None)
        for name in rng.sample(names, 3):
            taken[name] += fill(limiter, name, 1)
        assert limiter.in_flight <= 20 + 5 + 5
    shares = [taken[name] / taken.total() for name in SHARES]
    assert min(shares) > 0.2, shares
    assert shares[0] > 0.4, shares


@pytest.mark.parametrize("lost", [LEFT, DEADLINE])
async def test_who_is_lost_in_the_queue_costs_no_place(lost: str) -> None:
    limiter = create_limiter(asyncio.get_running_loop().time, most=1)
    kind, other = limiter.classes["orders"], Request()
    assert limiter.try_acquire(kind)
    first = asyncio.create_task(limiter.acquire(kind, other))
    second = asyncio.create_task(limiter.acquire(kind, Request(lost)))
    await asyncio.sleep(0)
    limiter.release(kind, None)
    await first
    with pytest.raises(Rejected, match=lost):
        await second
    assert limiter.in_flight == 1


async def test_the_first_of_a_full_queue_makes_room_for_the_last() -> None:
    limiter = create_limiter(asyncio.get_running_loop().time, most=1, length=2)
    kind = limiter.classes["list"]
    assert limiter.try_acquire(kind)
    visits = [asyncio.create_task(limiter.acquire(kind, Request())) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert [visit.done() for visit in visits] == [True, False, False]
    with pytest.raises(Rejected, match=LIMIT):
        await visits[0]
    limiter.release(kind, None)
    await visits[2]
    with pytest.raises(Rejected, match=LIMIT):
        await visits[1]


def test_a_loop_that_is_late_all_the_time_lets_in_by_priority() -> None:
    clock = Clock()
    lag = LoopLag(clock)
    limiter = create_limiter(clock, lag)
    limiter.classes["orders"].lag_seconds = 0.2
    for _ in range(20):
        lag.tick()
        clock.now += 0.02 + 0.1
    for name, refused in (("orders", False), ("list", True)):
        kind = limiter.classes[name]
        assert limiter.try_acquire(kind), "one of each is let in"
        if refused:
            with pytest.raises(Rejected, match=LAG):
                limiter.try_acquire(kind)
        else:
            assert limiter.try_acquire(kind)

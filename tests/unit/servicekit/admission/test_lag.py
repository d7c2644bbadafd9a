"""How late a loop is, by a clock that the test moves."""

import time

import pytest

from servicekit.admission.lag import TICK_SECONDS, LoopLag, watched_loop
from tests.clocks import Clock


def test_what_is_read_after_a_stall_may_have_waited_for_it() -> None:
    clock = Clock()
    lag = LoopLag(clock)
    assert lag.waited() == 0
    lag.tick()
    clock.now += TICK_SECONDS / 2
    assert lag.waited() == 0
    clock.now += 3
    assert lag.waited() == pytest.approx(3 - TICK_SECONDS / 2)
    # Whoever comes to its timers first has yet to read what was sent meanwhile.
    assert lag.tick()
    assert lag.waited() == pytest.approx(3 - TICK_SECONDS / 2)
    lag.looked()
    assert lag.waited() == 0
    clock.now += TICK_SECONDS
    assert not lag.tick()
    lag.stop()
    clock.now += 3
    assert lag.waited() == 0, "nobody looks any more"


@pytest.mark.parametrize("late", [0.0, 0.05])
def test_what_is_not_read_by_the_next_tick_stays_as_old_as_it_is(late: float) -> None:
    """As in a process that others leave hardly any time."""
    clock = Clock()
    lag = LoopLag(clock)
    lag.tick()
    clock.now += TICK_SECONDS + 3
    assert lag.tick()
    clock.now += TICK_SECONDS + late
    assert lag.tick() == (late > 0)
    assert lag.waited() == pytest.approx(3)
    lag.looked()
    assert lag.waited() == pytest.approx(late), "what came during the second is yet to be read"
    if late:
        lag.looked()
    assert lag.waited() == 0


def test_a_stall_is_nobodys_time() -> None:
    clock = Clock()
    lag = LoopLag(clock)
    lag.tick()
    began, last = lag.awake(), lag.awake()
    for stall in (0, 0.001, 20, 0, 0.5):
        for part in range(10):
            clock.now += (TICK_SECONDS + stall) / 10
            assert lag.awake() >= last, f"backwards, in part {part} of {stall} s"
            last = lag.awake()
        lag.tick()
        assert lag.awake() == pytest.approx(last)
    assert last - began == pytest.approx(5 * TICK_SECONDS, abs=0.1)


def test_one_stall_is_no_standing_lag_and_lasting_load_is() -> None:
    clock = Clock()
    lag = LoopLag(clock)
    seen = []
    # Stalls that are alone in the time that is looked at, too.
    for late in (*[0.0] * 50, 1.0, *[0.0] * 49, 5.0, *[0.03] * 50, *[0.0] * 50):
        clock.now += TICK_SECONDS + late
        lag.tick()
        seen.append(lag.standing)
    assert max(seen[:102]) == 0
    assert seen[151] == pytest.approx(0.03)
    assert seen[-1] == 0


async def test_a_blocked_loop_is_seen() -> None:
    async with watched_loop() as lag:
        time.sleep(0.2)  # noqa: ASYNC251  # that is what it is about
        assert 0.1 < lag.waited() < 1
    assert lag.waited() == 0

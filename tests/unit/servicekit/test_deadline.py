"""How much time a request has: never more than its caller, its hop or its step gives it."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from servicekit.deadline import remaining_seconds, require_time, within
from servicekit.http_server.request import RequestWrapper
from servicekit.problems import DeadlinePassed


async def test_outside_of_a_request_there_is_no_deadline() -> None:
    assert remaining_seconds() is None
    require_time()


async def test_an_inner_step_has_the_shorter_time_and_gives_the_outer_one_back() -> None:
    with within(1000):
        for asked, left in ((100, 100), (5000, 1000)):
            with within(asked):
                assert remaining_seconds() == pytest.approx(left, abs=30)
            assert remaining_seconds() == pytest.approx(1000, abs=30)
    assert remaining_seconds() is None


async def test_what_is_interrupted_is_said_to_be_late_and_gives_the_outer_time_back() -> None:
    with within(1000):
        with pytest.raises(DeadlinePassed, match=r"No answer within 0\.0 s"), within(0.01):
            await asyncio.Event().wait()
        assert remaining_seconds() == pytest.approx(1000, abs=30)


async def test_each_of_many_ends_at_its_own_time() -> None:
    ended: list[float] = []

    async def wait(seconds: float) -> None:
        with pytest.raises(DeadlinePassed), within(seconds):
            await asyncio.Event().wait()
        ended.append(seconds)

    with within(1000):
        pass  # one that is not reached, before all others
    await asyncio.gather(*(wait(seconds) for seconds in (0.15, 0.01, 0.1, 0.05)))
    assert ended == [0.01, 0.05, 0.1, 0.15]


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    async def wait() -> None:
        with within(1000), within(1000):
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_time_out_of_something_else_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError), within(1000):
        raise TimeoutError("of a socket")


async def test_without_time_no_work_begins() -> None:
    async def begin() -> None:
        with within(0):
            assert remaining_seconds() == 0
            require_time()

    with pytest.raises(DeadlinePassed, match="before the work began"):
        await begin()


@pytest.mark.parametrize(
    ("budget", "seconds"),
    [
        (None, 500),
        (b"100000", 100),
        (b"900000", 500),
        # What is no budget changes nothing.
        *((value, 500) for value in (b"", b"-5", b"1.5", b"soon", b"0x10", b"9" * 10)),
    ],
)
async def test_a_request_ends_with_its_own_limit_or_its_callers_budget_in_milliseconds(
    budget: bytes | None, seconds: float
) -> None:
    seen: list[float | None] = []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(remaining_seconds())

    headers = [] if budget is None else [(b"x-arloji-timeout-ms", budget)]
    limited = RequestWrapper(app, timeout_seconds=500)
    scope: Scope = {"type": "http", "method": "GET", "headers": headers}
    nothing: object = None
    await limited(scope, nothing, nothing)  # type: ignore[arg-type]
    assert seen == [pytest.approx(seconds, abs=30)]

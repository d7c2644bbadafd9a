"""What follows from the last look at the queue."""

from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from services.publisher import queue_watch
from services.publisher.queue_watch import QueueAway, QueueBounds, QueueState, QueueWatch

BOUNDS = QueueBounds(backlog_orders=5, oldest_age_seconds=60, memory_share=0.7)
WELL = QueueState(backlog=4, oldest_age_seconds=59, memory_share=0.69, durable=True)
AWAY = ConnectionError("away")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[QueueState | Exception]:
    """What the next looks find."""
    found: list[QueueState | Exception] = []

    async def look(_redis: Any) -> QueueState:
        assert not is_instrumentation_enabled(), "it would leave spans twice a second"
        one = found.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(queue_watch, "_fetch_state", look)
    return found


@pytest.fixture
def watch() -> QueueWatch:
    nobody: Any = None
    return QueueWatch(nobody, BOUNDS)


def state(**changes: Any) -> QueueState:
    return QueueState(**{**vars(WELL), **changes})


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (WELL, None),
        (state(backlog=5), "Too many orders are waiting."),
        (state(oldest_age_seconds=60), "Orders have been waiting for too long."),
        (state(memory_share=0.7), "The queue is short of memory."),
    ],
)
async def test_a_bound_that_is_reached_refuses(
    watch: QueueWatch, looks: list[Any], found: QueueState, why: str | None
) -> None:
    looks.append(found)
    await watch.look()
    assert watch.refusal() == why
    assert await watch.check() == f"durable; {why or '4 orders waiting'}"


async def test_a_queue_that_cannot_be_seen_is_away_and_refuses_for_itself(
    watch: QueueWatch, looks: list[Any]
) -> None:
    async def is_away() -> bool:
        try:
            await watch.check()
        except QueueAway:
            return True
        return False

    looks += [state(backlog=5), AWAY, state(durable=False)]
    told = [(await is_away(), watch.refusal(), watch.durable())]
    while looks:
        await watch.look()
        told.append((await is_away(), watch.refusal(), watch.durable()))
    watch.stop()
    told.append((await is_away(), watch.refusal(), watch.durable()))
    nothing = (True, None, None)
    full, lossy = (False, "Too many orders are waiting.", 1.0), (False, None, 0.0)
    assert told == [nothing, full, nothing, lossy, nothing]


async def test_what_is_not_durable_is_said_at_each_connection(
    watch: QueueWatch, looks: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    lossy = state(durable=False)
    looks += [lossy, lossy, AWAY, AWAY, lossy, lossy, WELL, lossy]
    said = []
    while looks:
        await watch.look()
        said.append(caplog.text.count("THE QUEUE IS NOT DURABLE"))
    assert said == [1, 1, 1, 1, 2, 2, 2, 3]

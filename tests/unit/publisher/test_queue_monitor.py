"""What follows from what the queue last said of itself."""

from typing import Any

import pytest
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from services.publisher import queue_monitor
from services.publisher.queue_monitor import (
    QueueBounds,
    QueueMonitor,
    QueueState,
    QueueUnavailable,
)

BOUNDS = QueueBounds(backlog_orders=5, oldest_age_seconds=60, memory_share=0.7)
WELL = QueueState(backlog=4, oldest_age_seconds=59, memory_share=0.69, durable=True)
LOST = ConnectionError("refused")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[QueueState | Exception]:
    """What the queue says when it is asked next."""
    left: list[QueueState | Exception] = []

    async def fetch(_redis: Any) -> QueueState:
        assert not is_instrumentation_enabled(), "it would leave spans twice a second"
        one = left.pop(0)
        if isinstance(one, Exception):
            raise one
        return one

    monkeypatch.setattr(queue_monitor, "_fetch_state", fetch)
    return left


@pytest.fixture
def monitor() -> QueueMonitor:
    nobody: Any = None
    return QueueMonitor(nobody, BOUNDS)


def state(**changes: Any) -> QueueState:
    return QueueState(**{**vars(WELL), **changes})


async def test_a_queue_that_cannot_be_asked_is_unavailable_and_refuses_for_itself(
    monitor: QueueMonitor, answers: list[Any]
) -> None:
    async def told() -> tuple[bool, str | None, float | None]:
        try:
            await monitor.check()
        except QueueUnavailable:
            return True, monitor.refusal(), monitor.durable()
        return False, monitor.refusal(), monitor.durable()

    answers += [state(backlog=5), LOST, state(durable=False)]
    all_told = [await told()]
    while answers:
        await monitor.refresh()
        all_told.append(await told())
    monitor.stop()
    all_told.append(await told())
    nothing = (True, None, None)
    full, lossy = (False, "Too many orders are waiting.", 1.0), (False, None, 0.0)
    assert all_told == [nothing, full, nothing, lossy, nothing]


async def test_what_is_not_durable_is_said_at_each_connection(
    monitor: QueueMonitor, answers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    lossy = state(durable=False)
    answers += [lossy, lossy, LOST, LOST, lossy, lossy, WELL, lossy]
    said = []
    while answers:
        await monitor.refresh()
        said.append(caplog.text.count("THE QUEUE IS NOT DURABLE"))
    assert said == [1, 1, 1, 1, 2, 2, 2, 3]
    assert {record.levelname for record in caplog.records} == {"ERROR"}

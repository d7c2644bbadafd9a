"""A guest's waiting orders: however many they are, reading them is bounded work."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from contracts.orders import OrderLine, PendingOrder
from servicekit.deadline import within
from servicekit.problems import DeadlinePassed
from services.service_http.pending_orders import PendingOrders, QueueUnavailable

GUEST, OTHER = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Queue:
    """Of a Redis client what is used. Answers HGETALL when it is told to."""

    def __init__(self) -> None:
        self.orders: dict[bytes, bytes] = {}
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.error: Exception | None = None

    def accept(self, number: int) -> None:
        order = PendingOrder(
            items=(OrderLine(product_id=1, quantity=1),),
            accepted_at=NOW + timedelta(seconds=number),
        )
        self.orders[str(UUID(int=number)).encode()] = order.model_dump_json().encode()

    async def hgetall(self, _key: str) -> dict[bytes, bytes]:
        self.asked += 1
        if self.error:
            raise self.error
        found = dict(self.orders)
        await self.may_answer.wait()
        return found

    async def hget(self, _key: str, name: str) -> bytes | None:
        self.asked += 1
        return self.orders.get(name.encode())


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def pending(queue: Queue) -> PendingOrders:
    client: Any = queue
    return PendingOrders(client)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_of_thousands_only_the_newest_are_read_in_full(
    pending: PendingOrders, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3000):
        queue.accept(number)
    queue.may_answer.set()
    read: list[bytes] = []
    in_full: Callable[..., PendingOrder] = PendingOrder.model_validate_json
    monkeypatch.setattr(
        PendingOrder, "model_validate_json", lambda value: read.append(value) or in_full(value)
    )
    others = asyncio.create_task(turns(6))
    listed = await pending.list_for_guest(GUEST, 101)
    assert [order.order_id.int for order in listed] == list(range(2999, 2898, -1))
    assert len(read) == 101
    assert others.done(), "nobody else had a turn"


async def test_lists_of_one_guest_are_one_at_a_time_and_none_lacks_what_was_accepted(
    pending: PendingOrders, queue: Queue
) -> None:
    """Another guest's list waits for nobody."""
    first = asyncio.create_task(pending.list_for_guest(GUEST, 101))
    await turns(5)
    queue.accept(7)  # after the first list was asked for
    later = [asyncio.create_task(pending.list_for_guest(GUEST, 101)) for _ in range(20)]
    await turns(1)
    later.pop().cancel()  # who leaves takes nothing from the others
    await turns(10)
    assert queue.asked == 1, "two at a time"
    other = asyncio.create_task(pending.list_for_guest(OTHER, 101))
    await turns(5)
    assert queue.asked == 2
    queue.may_answer.set()
    assert await first == []
    for found in await asyncio.gather(*later, other):
        assert [order.order_id.int for order in found] == [7]
    assert queue.asked == 3


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [(TimeoutError("a long list"), False), (ConnectionError("refused"), True)],
)
async def test_a_list_that_takes_too_long_is_not_taken_for_a_lost_queue(
    pending: PendingOrders,
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    is_lost: bool,
) -> None:
    # Failures that come together would count as one.
    monkeypatch.setattr(pending._breaker, "_together_seconds", 0)
    queue.error = error
    queue.accept(7)
    for _ in range(5):
        with pytest.raises(QueueUnavailable):
            await pending.list_for_guest(GUEST, 101)
    if is_lost:
        with pytest.raises(QueueUnavailable):
            await pending.find(OTHER, UUID(int=7))
    else:
        assert await pending.find(OTHER, UUID(int=7)) is not None


async def test_nothing_is_asked_when_no_time_is_left(pending: PendingOrders, queue: Queue) -> None:
    for ask in (lambda: pending.list_for_guest(GUEST, 101), lambda: pending.find(GUEST, OTHER)):
        with pytest.raises(DeadlinePassed), within(0):
            await ask()
    assert queue.asked == 0

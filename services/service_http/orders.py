"""A guest's orders, from the queue and the database together.

The queue is asked first: an order leaves it only after its row is committed, so there is no
moment in which neither has it. Nothing here is cached.
"""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from contracts.orders import MAX_LISTED, OrderList, OrderView
from servicekit.problems import NotFound
from services.service_http.database import Database, DatabaseUnavailable
from services.service_http.order_rows import find_order, list_orders
from services.service_http.pending_orders import PendingOrders, QueueUnavailable


class OrderNotFound(NotFound):
    """This guest has no such order."""

    def __init__(self) -> None:
        super().__init__("There is no such order of this guest.")


@dataclass(frozen=True, slots=True)
class ListedOrders:
    orders: OrderList
    has_older: bool = False


class GuestOrders:
    """If one of the two sides is unavailable, an order that the other one has is still shown; what
    neither shows is then `ServiceUnavailable`, not missing."""

    def __init__(self, pending: PendingOrders, database: Database) -> None:
        self._pending, self._database = pending, database

    async def find(self, guest_id: UUID, order_id: UUID) -> OrderView:
        """A row wins over what is pending. Raises `OrderNotFound`."""
        waiting: OrderView | None = None
        queue_error: QueueUnavailable | None = None
        try:
            waiting = await self._pending.find(guest_id, order_id)
        except QueueUnavailable as error:
            queue_error = error
        try:
            stored = await self._database.ask(
                partial(find_order, guest_id=guest_id, order_id=order_id)
            )
        except DatabaseUnavailable:
            if waiting is None:
                raise
            return waiting
        if found := stored or waiting:
            return found
        raise queue_error or OrderNotFound()

    async def list_newest(self, guest_id: UUID) -> ListedOrders:
        """The newest `MAX_LISTED`, newest first, each once. A list that could lack an accepted
        order is no list: `ServiceUnavailable` if either side is unavailable."""
        limit = MAX_LISTED + 1  # one more tells that there are more
        waiting = await self._pending.list_for_guest(guest_id, limit)
        stored = await self._database.ask(partial(list_orders, guest_id=guest_id, limit=limit))
        orders = {order.order_id: order for order in [*waiting, *stored]}
        newest = sorted(
            orders.values(), key=lambda order: (order.created_at, str(order.order_id)), reverse=True
        )
        return ListedOrders(OrderList(items=tuple(newest[:MAX_LISTED])), len(newest) > MAX_LISTED)

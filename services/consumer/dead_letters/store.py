"""Dead letters as things to look at, to send again, or to give up."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from contracts.orders import OrderMessage
from contracts.queue import (
    FIELD_DELIVERIES,
    FIELD_ENTRY_ID,
    FIELD_ORDER,
    FIELD_REASON,
    FIELD_TRACEPARENT,
)
from servicekit.stream.consumer_group import context_from
from servicekit.stream.state import StreamNames
from services.consumer.messages import (
    MessageRefused,
    PartialOrder,
    parse_order,
    parse_partial_order,
)
from services.consumer.orders import Known
from services.consumer.repository import OrderRepository
from services.consumer.spans import describe_order, replay_span

_PAGE = 50
_OWN_FIELDS = frozenset(name.encode() for name in (FIELD_REASON, FIELD_DELIVERIES, FIELD_ENTRY_ID))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    dead_letter_id: str
    fields: Mapping[bytes, bytes]

    def text(self, field: str) -> str:
        return self.fields.get(field.encode(), b"").decode(errors="replace")

    @property
    def dead_since(self) -> datetime:
        return datetime.fromtimestamp(int(self.dead_letter_id.partition("-")[0]) / 1000, UTC)

    @property
    def partial_order(self) -> PartialOrder | None:
        return parse_partial_order(self.text(FIELD_ENTRY_ID) or self.dead_letter_id, self.fields)

    @property
    def order(self) -> OrderMessage | None:
        """None if it cannot be read as an order."""
        try:
            return parse_order(self.fields)
        except MessageRefused:
            return None

    @property
    def summary(self) -> dict[str, str | None]:
        """Nothing personal."""
        origin = context_from(self.fields.get(FIELD_TRACEPARENT.encode()))
        context = trace.get_current_span(origin).get_span_context()
        return {
            "id": self.dead_letter_id,
            "reason": self.text(FIELD_REASON),
            "deliveries": self.text(FIELD_DELIVERIES),
            "order_id": self.partial_order.order_id if self.partial_order else None,
            "dead_since": self.dead_since.isoformat(timespec="seconds"),
            "entry_id": self.text(FIELD_ENTRY_ID),
            "trace_id": trace.format_trace_id(context.trace_id) if context.is_valid else None,
        }

    @property
    def message(self) -> str:
        return self.text(FIELD_ORDER)


class DeadLetters:
    def __init__(self, client: Redis, names: StreamNames, repository: OrderRepository) -> None:
        self._client, self._names, self._repository = client, names, repository

    async def find(self, dead_letter_id: str) -> DeadLetter | None:
        try:
            found: Any = await self._client.xrange(
                self._names.dead_stream, dead_letter_id, dead_letter_id
            )
        except ResponseError:  # not the shape of an id
            return None
        return DeadLetter(dead_letter_id, found[0][1]) if found else None

    async def list_entries(self) -> AsyncIterator[DeadLetter]:
        """Those that are dead now, oldest first, in pages. What dies while the list is read is
        not in it: replaying them all comes to an end."""
        try:
            about: Any = await self._client.xinfo_stream(self._names.dead_stream)
        except ResponseError:  # there never was one
            return
        start = "-"
        while True:
            page: Any = await self._client.xrange(
                self._names.dead_stream, start, about["last-generated-id"], count=_PAGE
            )
            for dead_letter_id, fields in page:
                yield DeadLetter(dead_letter_id.decode(), fields)
            if len(page) < _PAGE:
                return
            start = f"({page[-1][0].decode()}"

    async def replay(self, dead_letter: DeadLetter) -> None:
        """Back to the end of the stream, with the trace it had; the order is shown as accepted
        again."""
        fields: Any = {k: v for k, v in dead_letter.fields.items() if k not in _OWN_FIELDS}
        order = dead_letter.partial_order
        change = order.set_pending(None) if order else None
        with replay_span(fields):
            if order:
                describe_order(order.order_id)
            async with self._client.pipeline(transaction=True) as transaction:
                transaction.xadd(self._names.stream, fields)
                transaction.xdel(self._names.dead_stream, dead_letter.dead_letter_id)
                if change is not None:
                    change.add_to(transaction)
                await transaction.execute()

    async def drop(self, dead_letter: DeadLetter) -> bool:
        """Give the order up: its guest finds it rejected. True if a row says so now; False if
        the order had its row, or if there is no order in it."""
        order, partial_order = dead_letter.order, dead_letter.partial_order
        dropped = None if order is None else await self._repository.store_dropped(order)
        async with self._client.pipeline(transaction=True) as transaction:
            transaction.xdel(self._names.dead_stream, dead_letter.dead_letter_id)
            if partial_order is not None:
                partial_order.clear_pending().add_to(transaction)
            await transaction.execute()
        return dropped is not None and dropped.known is Known.NEW

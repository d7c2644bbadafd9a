"""What a stream entry says: the order it holds, or as much of it as can be read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from contracts.orders import (
    MAX_LINES,
    DeadLetterReason,
    OrderLine,
    OrderMessage,
    OrderReason,
    PendingOrder,
    UtcTime,
)
from contracts.queue import (
    CONSUMERS,
    DEAD,
    FIELD_ORDER,
    FIELD_SCHEMA,
    ORDERS,
    SCHEMA_VERSION,
    pending_key,
)
from servicekit.stream.consumer_group import HashChange
from servicekit.stream.state import StreamNames

STREAM = StreamNames(stream=ORDERS, dead_stream=DEAD, group=CONSUMERS)

Fields = Mapping[bytes, bytes]

_time: TypeAdapter[datetime] = TypeAdapter(UtcTime)


class MessageRefused(Exception):
    """The entry is no order that this version understands; trying again changes nothing."""

    def __init__(self, reason: DeadLetterReason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_message(fields: Fields) -> OrderMessage:
    """Raises `MessageRefused`, which says nothing of what was in the entry."""
    schema = fields.get(FIELD_SCHEMA.encode(), b"")
    if not schema.isdigit():
        raise MessageRefused(DeadLetterReason.INVALID)
    if schema != str(SCHEMA_VERSION).encode():
        raise MessageRefused(DeadLetterReason.UNKNOWN_SCHEMA)
    return parse_order(fields)


def parse_order(fields: Fields) -> OrderMessage:
    """The field `order`, whatever the schema claims to be; raises `MessageRefused`."""
    try:
        message = OrderMessage.model_validate_json(fields.get(FIELD_ORDER.encode(), b""))
        if _is_storable(message.accepted_at):
            return message
    except ValidationError:
        pass  # its text repeats what was sent
    raise MessageRefused(DeadLetterReason.INVALID)


def _is_storable(moment: datetime) -> bool:
    """RFC 3339 demands an offset; MySQL's DATETIME begins in the year 1000."""
    try:
        return moment.tzinfo is not None and moment.astimezone(UTC).year >= 1970
    except OverflowError:
        return False


@dataclass(frozen=True, slots=True)
class PartialOrder:
    """What can be read of an order whose message may not be valid as a whole."""

    order_id: str
    guest_id: str
    pending: PendingOrder | None  # None if no line can be read

    def clear_pending(self) -> HashChange:
        """The order is not pending any more: a row tells its end."""
        return HashChange(pending_key(self.guest_id), self.order_id)

    def set_pending(self, reason: OrderReason | None) -> HashChange | None:
        """The order is pending, and why. None if nothing could be shown of it; what stands
        there is better then."""
        if self.pending is None:
            return None
        shown = self.pending.model_copy(update={"reason": reason})
        return HashChange(pending_key(self.guest_id), self.order_id, shown.model_dump_json())


def parse_partial_order(entry_id: str, fields: Fields) -> PartialOrder | None:
    """None without a readable order and guest id. A lost time of acceptance is that of the
    entry."""
    try:
        order: Any = json.loads(fields.get(FIELD_ORDER.encode(), b""))
        order_id, guest_id = str(UUID(order["order_id"])), str(UUID(order["guest_id"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return PartialOrder(order_id, guest_id, _read_pending(entry_id, order))


def _read_pending(entry_id: str, order: Mapping[str, Any]) -> PendingOrder | None:
    items = order.get("items")
    lines = tuple(_readable_lines(items if isinstance(items, list) else ()))
    if not lines:
        return None
    accepted_at = datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)
    try:
        claimed = _time.validate_python(order.get("accepted_at"))
        accepted_at = claimed if _is_storable(claimed) else accepted_at
    except ValidationError:
        pass
    return PendingOrder(items=lines, accepted_at=accepted_at)


def _readable_lines(items: Iterable[Any]) -> Iterable[OrderLine]:
    seen: set[int] = set()
    for item in items:
        try:
            line = OrderLine.model_validate(item)
        except ValidationError:
            continue
        if line.product_id not in seen and len(seen) < MAX_LINES:
            seen.add(line.product_id)
            yield line

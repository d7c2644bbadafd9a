"""The three forms of an order, side by side: what a guest sends (`OrderRequest`), what travels
through the stream (`OrderMessage`), what a guest reads (`OrderView`)."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid5

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

from contracts.api import ORDER_REQUEST
from contracts.customers import Contract as Contract
from contracts.customers import Customer as Customer
from contracts.customers import Recipient

MAX_LINES = 50
# The newest ones of a guest; what is older is reached by its own address.
MAX_LISTED = 100
MAX_QUANTITY = 99
MAX_PRODUCT_ID = 2**63 - 1
MAX_TOTAL_IDR = 10**15


class OrderStatus(StrEnum):
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class OrderReason(StrEnum):
    """Why an order is rejected; `HELD` alone goes with `accepted` (it is a dead letter)."""

    OUT_OF_STOCK = "out_of_stock"
    UNKNOWN_PRODUCT = "unknown_product"
    PRICE_CHANGED = "price_changed"
    DROPPED = "dropped"
    HELD = "held"


class DeadLetterReason(StrEnum):
    INVALID = "invalid"
    UNKNOWN_SCHEMA = "unknown_schema"
    KEY_REUSE = "key_reuse"
    DELIVERIES_EXHAUSTED = "deliveries_exhausted"


def _each_product_once(lines: Sequence["OrderLine"]) -> Sequence["OrderLine"]:
    if len({line.product_id for line in lines}) != len(lines):
        raise ValueError("a product may appear once only; add up its quantity")
    return lines


def _format_utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


# RFC 3339 in UTC, always with microseconds, so that a row gives back the very same text.
UtcTime = Annotated[datetime, PlainSerializer(_format_utc, return_type=str, when_used="json")]
ProductId = Annotated[int, Field(strict=True, ge=1, le=MAX_PRODUCT_ID)]
Rupiah = Annotated[int, Field(strict=True, ge=0, le=MAX_TOTAL_IDR)]


class OrderLine(Contract):
    product_id: ProductId
    quantity: Annotated[int, Field(strict=True, ge=1, le=MAX_QUANTITY)]


OrderLines = Annotated[
    tuple[OrderLine, ...],
    # As near as a schema comes to saying that each product may appear once.
    Field(min_length=1, max_length=MAX_LINES, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_each_product_once),
]


class OrderRequest(Contract):
    """Body of `POST /api/orders`."""

    model_config = ConfigDict(json_schema_extra={"examples": [ORDER_REQUEST]})

    items: OrderLines
    customer: Customer
    expected_total_idr: Rupiah | None = None

    def fingerprint(self) -> str:
        """SHA-256 (hex) over the canonical JSON of the validated body: keys sorted, no spaces,
        UTF-8 unescaped (as RFC 8785), items by product, an absent total as null."""
        body = self.model_dump(mode="json")
        body["items"] = sorted(body["items"], key=lambda line: line["product_id"])
        canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


class OrderMessage(Contract):
    """Field `order` of a stream entry. Other than the contracts towards guests it lets unknown
    fields pass, so that consumers of two versions can run side by side."""

    model_config = ConfigDict(extra="ignore")

    order_id: UUID
    guest_id: UUID
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    items: OrderLines
    customer: Recipient
    expected_total_idr: Rupiah | None = None
    accepted_at: UtcTime


class PendingOrder(Contract):
    """Value in `pending:{guest}`: what is known of an order that has no row yet."""

    model_config = ConfigDict(extra="ignore")

    reason: OrderReason | None = None
    items: OrderLines
    accepted_at: UtcTime


class OrderAccepted(Contract):
    """Answer 202: the order is on disk and will reach an end."""

    order_id: UUID
    status: OrderStatus = OrderStatus.ACCEPTED
    status_url: str


class OrderLineView(Contract):
    product_id: int
    quantity: int
    unit_price_idr: int | None


class OrderView(Contract):
    """An order as its guest sees it. Prices and total are null unless it is confirmed."""

    order_id: UUID
    status: OrderStatus
    reason: OrderReason | None
    items: tuple[OrderLineView, ...]
    total_idr: int | None
    created_at: UtcTime

    @classmethod
    def from_pending(cls, order_id: str, pending: PendingOrder) -> "OrderView":
        return cls(
            order_id=UUID(order_id),
            status=OrderStatus.ACCEPTED,
            reason=pending.reason,
            items=tuple(
                OrderLineView(
                    product_id=line.product_id, quantity=line.quantity, unit_price_idr=None
                )
                for line in pending.items
            ),
            total_idr=None,
            created_at=pending.accepted_at,
        )


class OrderList(Contract):
    items: tuple[OrderView, ...]


def order_id_for(guest_id: UUID, idempotency_key: str) -> UUID:
    """The order's id follows from guest and key (RFC 9562 §5.5): whoever repeats a request
    names the same order, whatever was lost in between."""
    return uuid5(guest_id, idempotency_key)


def status_url_for(order_id: UUID) -> str:
    return f"/api/orders/{order_id}"

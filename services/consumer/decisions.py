"""How an order ends, from prices and stock alone. No I/O: this is the arithmetic of the shop."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.orders import OrderMessage, OrderReason, OrderStatus


@dataclass(frozen=True, slots=True)
class Offer:
    price_idr: int
    stock: int


@dataclass(frozen=True, slots=True)
class Decision:
    message: OrderMessage
    status: OrderStatus
    reason: OrderReason | None
    total_idr: int | None
    unit_prices: Mapping[int, int]  # by product; empty unless confirmed


def decide(messages: Iterable[OrderMessage], offers: Mapping[int, Offer]) -> list[Decision]:
    """Decide in the given order: what one order takes is gone for the next. All or nothing:
    one line that cannot be had rejects its order, which then takes nothing."""
    left = {product_id: offer.stock for product_id, offer in offers.items()}
    decisions = []
    for message in messages:
        reason = _reason_to_reject(message, offers, left)
        if reason is not None:
            decisions.append(reject(message, reason))
            continue
        for line in message.items:
            left[line.product_id] -= line.quantity
        prices = {line.product_id: offers[line.product_id].price_idr for line in message.items}
        total = total_of(message, offers)
        decisions.append(Decision(message, OrderStatus.CONFIRMED, None, total, prices))
    return decisions


def reject(message: OrderMessage, reason: OrderReason) -> Decision:
    return Decision(message, OrderStatus.REJECTED, reason, None, {})


def total_of(message: OrderMessage, offers: Mapping[int, Offer]) -> int:
    return sum(offers[line.product_id].price_idr * line.quantity for line in message.items)


def quantities_of(decisions: Iterable[Decision]) -> dict[int, int]:
    """What the confirmed orders take together, by product in the order of ids: two
    transactions that take stock in the same order cannot dead-lock over it."""
    taken: dict[int, int] = {}
    for decision in decisions:
        if decision.status is OrderStatus.CONFIRMED:
            for line in decision.message.items:
                taken[line.product_id] = taken.get(line.product_id, 0) + line.quantity
    return dict(sorted(taken.items()))


def _reason_to_reject(
    message: OrderMessage, offers: Mapping[int, Offer], left: Mapping[int, int]
) -> OrderReason | None:
    if any(line.product_id not in offers for line in message.items):
        return OrderReason.UNKNOWN_PRODUCT
    if message.expected_total_idr not in (None, total_of(message, offers)):
        return OrderReason.PRICE_CHANGED
    if any(left[line.product_id] < line.quantity for line in message.items):
        return OrderReason.OUT_OF_STOCK
    return None

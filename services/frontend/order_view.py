"""One order as its page shows it: what the API says, what this browser remembers of it, and
what a rejected one would meet if it were sent again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.orders import OrderLineView, OrderReason, OrderStatus, OrderView
from contracts.products import Product
from services.frontend.cart import LinesNotReadable, read_lines, write_lines
from services.frontend.order_summary import by_name

# What an order that is sent again may end in otherwise. One that was dropped by hand needs to
# be talked about, not repeated.
_WORTH_REPEATING = frozenset(
    {OrderReason.OUT_OF_STOCK, OrderReason.PRICE_CHANGED, OrderReason.UNKNOWN_PRODUCT}
)


@dataclass(frozen=True)
class ShownLine:
    """`price_idr` was charged or agreed to. `troubles` are keys of texts: what stands in the
    way of this line today."""

    product_id: int
    quantity: int
    product: Product | None
    price_idr: int | None
    troubles: tuple[str, ...]

    @property
    def total_idr(self) -> int | None:
        return None if self.price_idr is None else self.price_idr * self.quantity


@dataclass(frozen=True)
class ShownOrder:
    """`state` is the status, or `held`, which a guest should not have to read off a reason."""

    order: OrderView
    lines: tuple[ShownLine, ...]
    agreed_total_idr: int | None
    customer: Mapping[str, str]

    @property
    def state(self) -> str:
        return state_of(self.order)

    @property
    def refill(self) -> str:
        """The lines that the cart can be filled with again; empty if there is no use in it."""
        return write_lines(self.order.items) if self.order.reason in _WORTH_REPEATING else ""

    @property
    def total_now_idr(self) -> int | None:
        """Of the same lines, if each of them can still be had."""
        prices = [line.product.price_idr * line.quantity for line in self.lines if line.product]
        return sum(prices) if len(prices) == len(self.lines) else None


@dataclass(frozen=True)
class ListedOrder:
    """An order as a row, by its first watch: what is asked for stays bounded."""

    order: OrderView
    product_id: int
    product: Product | None

    @property
    def state(self) -> str:
        return state_of(self.order)

    @property
    def others(self) -> int:
        return len(self.order.items) - 1

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.order.items)


def first_product(order: OrderView) -> int:
    return next((line.product_id for line in order.items), 0)


def list_order(order: OrderView, products: Mapping[int, Product] | None) -> ListedOrder:
    product_id = first_product(order)
    return ListedOrder(order, product_id, (products or {}).get(product_id))


def state_of(order: OrderView) -> str:
    return "held" if order.reason is OrderReason.HELD else str(order.status)


def order_of_receipt(order_id: UUID, receipt: Mapping[str, Any]) -> OrderView | None:
    """As it was accepted; None if the receipt is of another order, or of an older form."""
    if receipt.get("order_id") != str(order_id):
        return None
    try:
        lines = read_lines(receipt["lines"])
        return OrderView(
            order_id=order_id,
            status=OrderStatus.ACCEPTED,
            reason=None,
            items=tuple(OrderLineView(**line.model_dump(), unit_price_idr=None) for line in lines),
            total_idr=None,
            created_at=datetime.fromisoformat(receipt["sent_at"]),
        )
    except (KeyError, LinesNotReadable, ValueError):
        return None


def show_order(
    order: OrderView, products: Mapping[int, Product] | None, receipt: Mapping[str, Any]
) -> ShownOrder:
    """`products` is None if nobody could say what is sold; `receipt` counts for its order only."""
    known = receipt if receipt.get("order_id") == str(order.order_id) else {}
    prices = known.get("prices_idr", {})
    lines = (_show_line(order, line, products, prices) for line in order.items)
    return ShownOrder(
        order, tuple(sorted(lines, key=by_name)), known.get("total_idr"), known.get("customer", {})
    )


def _show_line(
    order: OrderView,
    line: OrderLineView,
    products: Mapping[int, Product] | None,
    prices: Mapping[str, int],
) -> ShownLine:
    product = (products or {}).get(line.product_id)
    price = line.unit_price_idr
    if price is None:
        price = prices.get(str(line.product_id))
    troubles: tuple[str, ...] = ()
    if order.status is OrderStatus.REJECTED and products is not None:
        troubles = tuple(_find_troubles(line, product, price))
    return ShownLine(line.product_id, line.quantity, product, price, troubles)


def _find_troubles(
    line: OrderLineView, product: Product | None, price_idr: int | None
) -> Iterator[str]:
    if product is None:
        yield "gone"
        return
    if product.stock == 0:
        yield "sold_out"
    elif product.stock is not None and product.stock < line.quantity:
        yield "too_few"
    if price_idr is not None and price_idr != product.price_idr:
        yield "price_changed"

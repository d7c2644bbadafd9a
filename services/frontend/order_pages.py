"""What the cart and the order pages show of an order: its lines with the watches, and the form
that sends it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.requests import Request

from contracts.orders import OrderLine
from contracts.products import Product
from servicekit.deadline import within
from servicekit.problems import Problem
from services.frontend.checkout import FIELDS, OrderForm, key_for
from services.frontend.gateway import Gateway
from services.frontend.guest import guest_of
from services.frontend.shop import shop_of

EXTRA_SECONDS = 0.5


@dataclass(frozen=True)
class SummaryLine:
    """A line of the cart; `product` is None when it is not sold (or could not be asked for)."""

    product_id: int
    quantity: int
    product: Product | None

    @property
    def stock(self) -> int | None:
        return self.product.stock if self.product else None

    @property
    def orderable(self) -> bool:
        return self.product is not None and (self.stock is None or self.stock >= self.quantity)

    @property
    def total_idr(self) -> int | None:
        return self.product.price_idr * self.quantity if self.product else None


@dataclass(frozen=True)
class Summary:
    lines: tuple[SummaryLine, ...]

    @property
    def orderable(self) -> bool:
        """An order of all these lines has a chance: one refused line would reject it whole."""
        return bool(self.lines) and all(line.orderable for line in self.lines)

    @property
    def total_idr(self) -> int:
        """Of the lines that are sold."""
        return sum(line.total_idr or 0 for line in self.lines)

    @property
    def complete(self) -> bool:
        return all(line.product for line in self.lines)

    @property
    def order_lines(self) -> tuple[OrderLine, ...]:
        return tuple(
            OrderLine(product_id=line.product_id, quantity=line.quantity) for line in self.lines
        )


async def summarise(gateway: Gateway, lines: Sequence[OrderLine]) -> Summary:
    products = await gateway.find_products(line.product_id for line in lines)
    return _summary(lines, products)


async def summarise_if_possible(gateway: Gateway, lines: Sequence[OrderLine]) -> Summary:
    """Without the watches if the gateway cannot name them now: the form must come back."""
    return _summary(
        lines, await find_products_if_possible(gateway, (line.product_id for line in lines))
    )


async def find_products_if_possible(
    gateway: Gateway, product_ids: Iterable[int]
) -> dict[int, Product]:
    """For a page that is worth showing with numbers in place of names; it waits for them no
    longer than `EXTRA_SECONDS`."""
    try:
        async with within(EXTRA_SECONDS):
            return await gateway.find_products(product_ids)
    except Problem:
        return {}


def _summary(lines: Sequence[OrderLine], products: dict[int, Product]) -> Summary:
    return Summary(
        tuple(
            SummaryLine(line.product_id, line.quantity, products.get(line.product_id))
            for line in lines
        )
    )


def new_order_form(request: Request, summary: Summary, checkout: UUID) -> OrderForm:
    """An empty form for what the page shows."""
    return OrderForm(
        lines=summary.order_lines,
        expected_total_idr=summary.total_idr,
        key=key_for(checkout, summary.order_lines),
        token=shop_of(request).form_tokens.create_token(guest_of(request.scope).guest_id),
        typed=dict.fromkeys(FIELDS, ""),
    )

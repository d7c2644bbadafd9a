"""What the cart and the order pages show of an order: its lines, with the watches and their sum."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.orders import OrderLine
from contracts.products import Product
from servicekit.deadline import within
from servicekit.problems import Problem
from services.frontend.gateway_client import GatewayClient

_LOOK_UP_SECONDS = 0.5


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
    """`lines` as they stand in the cart."""

    lines: tuple[SummaryLine, ...]

    @property
    def shown(self) -> list[SummaryLine]:
        """As pages show them."""
        return sorted(self.lines, key=by_name)

    @property
    def orderable(self) -> bool:
        """An order of all these lines has a chance: one refused line would reject it whole."""
        return bool(self.lines) and all(line.orderable for line in self.lines)

    @property
    def stock_unknown(self) -> bool:
        return any(line.product and line.stock is None for line in self.lines)

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

    @property
    def prices_by_product(self) -> dict[int, int]:
        return {line.product_id: line.product.price_idr for line in self.lines if line.product}


class Named(Protocol):
    @property
    def product_id(self) -> int: ...
    @property
    def product(self) -> Product | None: ...


def by_name(line: Named) -> tuple[object, ...]:
    """The order of lines on every page: an order that is stored has lost that of the cart."""
    product = line.product
    name = (0, product.brand, product.name) if product else (1, "", "")
    return (*name, line.product_id)


async def summarise(gateway: GatewayClient, lines: Sequence[OrderLine]) -> Summary:
    products = await gateway.find_products(line.product_id for line in lines)
    return _summary(lines, products)


async def summarise_if_possible(gateway: GatewayClient, lines: Sequence[OrderLine]) -> Summary:
    """Without the watches if the gateway cannot name them now: the form must come back."""
    products = await find_products_if_possible(gateway, (line.product_id for line in lines))
    return _summary(lines, products or {})


async def find_products_if_possible(
    gateway: GatewayClient, product_ids: Iterable[int]
) -> dict[int, Product] | None:
    """For a page that is worth showing with numbers in place of names; it waits for them no
    longer than `_LOOK_UP_SECONDS`. None if nobody could say, which is not the same as none."""
    try:
        with within(_LOOK_UP_SECONDS):
            return await gateway.find_products(product_ids)
    except Problem:
        return None


def _summary(lines: Sequence[OrderLine], products: Mapping[int, Product]) -> Summary:
    return Summary(
        tuple(
            SummaryLine(line.product_id, line.quantity, products.get(line.product_id))
            for line in lines
        )
    )

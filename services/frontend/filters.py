"""The catalogue's filters: read from the page's address, kept in it, passed on to the API."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from contracts.products import (
    DEFAULT_PAGE_SIZE,
    MAX_PAGE,
    MAX_PRICE_IDR,
    MAX_QUERY_LENGTH,
    ProductSort,
)

DEFAULT_SORT = ProductSort.NEWEST
FIELDS = ("q", "brand", "min_price", "max_price", "sort")
_MAX_BRAND_LENGTH = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
# `1500000`, `1.500.000`, `1,500,000`, `Rp 1 500 000`: rupiah have no decimals.
_PRICE = re.compile(r"(?:rp\.?)?\s*([0-9]{1,15}|[0-9]{1,3}(?:[., ][0-9]{3}){1,5})", re.ASCII | re.I)
_PAGE = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True)
class Filters:
    """What applies, beside what was typed. A filter that cannot be used is None or the default,
    and `errors` has the key of the text that says why."""

    q: str = ""
    brand: str = ""
    min_price: int | None = None
    max_price: int | None = None
    sort: ProductSort = DEFAULT_SORT
    page: int = 1
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, str]:
        """The filters that narrow the catalogue, as they stand in the address."""
        values = {"q": self.q, "brand": self.brand}
        values |= {name: str(price) for name, price in self._prices().items()}
        return {name: value for name, value in values.items() if value}

    @property
    def address(self) -> dict[str, str]:
        sort = {} if self.sort is DEFAULT_SORT else {"sort": str(self.sort)}
        return self.active | sort

    def url(self, *, page: int = 1, without: str | None = None) -> str:
        """The address of these filters, of another page of theirs, or of all but one."""
        kept = {name: value for name, value in self.address.items() if name != without}
        if page > 1:
            kept["page"] = str(page)
        return f"/?{urlencode(kept)}" if kept else "/"

    def api_parameters(self) -> dict[str, str]:
        return self.active | {
            "sort": str(self.sort),
            "page": str(self.page),
            "page_size": str(DEFAULT_PAGE_SIZE),
        }

    def refuse_search(self) -> "Filters":
        """The same without a search that the API does not take."""
        return replace(self, q="", errors={**self.errors, "q": "q_refused"})

    def _prices(self) -> dict[str, int]:
        prices = {"min_price": self.min_price, "max_price": self.max_price}
        return {name: price for name, price in prices.items() if price is not None}


def read_filters(query: Mapping[str, str]) -> Filters:
    """Never raises. Empty values are no filters: a form sends all of its fields."""
    typed = {name: _CONTROL.sub(" ", query.get(name, "")).strip() for name in (*FIELDS, "page")}
    errors: dict[str, str] = {}
    q, brand = typed["q"], typed["brand"]
    if len(q) > MAX_QUERY_LENGTH:
        errors["q"], q = "q_too_long", ""
    if len(brand) > _MAX_BRAND_LENGTH:
        errors["brand"], brand = "brand", ""
    lowest = _read_price("min_price", typed, errors)
    highest = _read_price("max_price", typed, errors)
    if lowest is not None and highest is not None and lowest > highest:
        errors["max_price"], highest = "price_order", None
    return Filters(
        q=q,
        brand=brand,
        min_price=lowest,
        max_price=highest,
        sort=_read_sort(typed["sort"], errors),
        page=_read_page(typed["page"], errors),
        typed=typed,
        errors=errors,
    )


def _read_price(name: str, typed: Mapping[str, str], errors: dict[str, str]) -> int | None:
    if not typed[name]:
        return None
    match = _PRICE.fullmatch(typed[name])
    price = int(re.sub(r"[^0-9]", "", match[1])) if match else None
    if price is None or price > MAX_PRICE_IDR:
        errors[name] = "price"
        return None
    return price


def _read_sort(typed: str, errors: dict[str, str]) -> ProductSort:
    if not typed:
        return DEFAULT_SORT
    try:
        return ProductSort(typed)
    except ValueError:
        errors["sort"] = "sort"
        return DEFAULT_SORT


def _read_page(typed: str, errors: dict[str, str]) -> int:
    if not typed:
        return 1
    page = int(typed) if _PAGE.fullmatch(typed) else 0
    if not 1 <= page <= MAX_PAGE:
        errors["page"] = "page"
        return 1
    return page

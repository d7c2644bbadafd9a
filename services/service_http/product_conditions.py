"""What a query asks of the catalogue, as conditions of SQL, the same for all of one shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnClause,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.sql.expression import FromClause

from contracts.products import ProductSort
from database.tables import product_words, products
from database.words import prefix_range
from services.service_http.search import ProductQuery

SORT_COLUMN = {
    ProductSort.NAME: "name",
    ProductSort.PRICE: "price_idr",
    ProductSort.PRICE_DESCENDING: "price_idr",
    ProductSort.NEWEST: "released_on",
}
ZERO: ColumnClause[int] = literal_column("0", Integer)
_FALLING = {ProductSort.PRICE_DESCENDING, ProductSort.NEWEST}


class After(Enum):
    """What of an order is meant: all of it, what comes after a landmark, or of that only those that
    are equal to it by what the order is by, or only the others."""

    NOTHING = auto()
    LANDMARK = auto()
    AMONG_EQUALS = auto()
    ALL_EQUALS = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """All of a query but its values; ids and words by their number."""

    words: int
    finds_nothing: bool
    brand: bool
    min_price: bool
    max_price: bool
    ids: int
    sort: ProductSort
    after: After = After.NOTHING
    # Of so many that all who have the words are found first, instead of looking at each.
    many: bool = False


def shape_of(query: ProductQuery, *, after: After = After.NOTHING, many: bool = False) -> Shape:
    return Shape(
        words=len(query.words),
        finds_nothing=query.finds_nothing,
        brand=bool(query.brand),
        min_price=query.min_price is not None,
        max_price=query.max_price is not None,
        ids=len(query.product_ids),
        sort=query.sort,
        after=after,
        many=many,
    )


def values_of(query: ProductQuery) -> dict[str, Any]:
    values: dict[str, Any] = {"size": query.page_size, "offset": query.offset}
    values |= {"brand": query.brand, "min_price": query.min_price, "max_price": query.max_price}
    values |= {f"id{number}": one for number, one in enumerate(query.product_ids)}
    return values | words_as(query.words)


def words_as(words: Sequence[str]) -> dict[str, str]:
    """In this order, of which the first is best the rarest."""
    values: dict[str, str] = {}
    for number, word in enumerate(words):
        values[f"from{number}"], values[f"until{number}"] = prefix_range(word)
    return values


def order_of(source: FromClause, sort: ProductSort) -> tuple[ColumnElement[Any], ...]:
    column = source.c[SORT_COLUMN[sort]]
    return column.desc() if sort in _FALLING else column.asc(), source.c.product_id


def filters_of(shape: Shape) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if shape.finds_nothing:
        conditions.append(false())
    if shape.brand:
        conditions.append(products.c.brand == bindparam("brand"))
    if shape.min_price:
        conditions.append(products.c.price_idr >= bindparam("min_price"))
    if shape.max_price:
        conditions.append(products.c.price_idr <= bindparam("max_price"))
    if shape.ids:
        conditions.append(has_id(shape.ids))
    if shape.after is not After.NOTHING:
        conditions.append(_after(shape))
    return conditions


def has_id(number: int) -> ColumnElement[bool]:
    ids: list[BindParameter[int]] = [bindparam(f"id{one}") for one in range(number)]
    return products.c.product_id.in_(ids)


def _after(shape: Shape) -> ColumnElement[bool]:
    """All after a landmark are, in this form, a range of the index on every database, which a
    comparison of rows is not; but SQLite begins it with the first of the equals, of which a price
    has thousands. Without the others it begins at the id."""
    column, falls = products.c[SORT_COLUMN[shape.sort]], shape.sort in _FALLING
    value: BindParameter[Any] = bindparam("after_value", type_=column.type)
    further = column < value if falls else column > value
    later = products.c.product_id > bindparam("after_id")
    if shape.after is After.ALL_EQUALS:
        return further
    if shape.after is After.AMONG_EQUALS:
        return and_(column == value, later)
    return and_(column <= value if falls else column >= value, or_(further, later))


def words_of(shape: Shape, source: FromClause = products) -> list[ColumnElement[bool]]:
    """Those that have the first word are found by its index, and looked at for the others."""
    if not shape.words:
        return []
    first = product_words.alias("first")
    tested = [tested_word(first, number) for number in range(1, shape.words)]
    found = select(first.c.product_id).where(*in_range(0, first), *tested)
    return [source.c.product_id.in_(found)]


def tested_word(one: FromClause, number: int) -> ColumnElement[bool]:
    """Counted, since what only exists may be looked for by any index: here each watch is to be
    looked at in turn."""
    of_product = product_words.c.product_id == one.c.product_id
    found = select(func.count()).select_from(product_words).where(of_product, *in_range(number))
    return found.scalar_subquery() > ZERO


def in_range(
    number: int, words: FromClause = product_words
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        words.c.word >= bindparam(f"from{number}"),
        words.c.word < bindparam(f"until{number}"),
    )


def whole(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer)

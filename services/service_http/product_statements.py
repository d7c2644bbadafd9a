"""The statements that find products, built and compiled once for each shape of a query. Each page
is found by an index alone; only the rows that are shown are read."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnClause,
    ColumnElement,
    Dialect,
    Integer,
    Select,
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
from servicekit.database.compiled import CompiledStatement, compile_once
from services.service_http.search import ProductQuery

SORT_COLUMN = {
    ProductSort.NAME: "name",
    ProductSort.PRICE: "price_idr",
    ProductSort.PRICE_DESCENDING: "price_idr",
    ProductSort.NEWEST: "released_on",
}
_ZERO: ColumnClause[int] = literal_column("0", Integer)
_FALLING = {ProductSort.PRICE_DESCENDING, ProductSort.NEWEST}


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
    # What its page is found by: what comes after a landmark, or the first of an order that have
    # its words.
    after: bool = False
    walks: bool = False


def shape_of(query: ProductQuery, *, after: bool = False, walks: bool = False) -> Shape:
    return Shape(
        words=len(query.words),
        finds_nothing=query.finds_nothing,
        brand=bool(query.brand),
        min_price=query.min_price is not None,
        max_price=query.max_price is not None,
        ids=len(query.product_ids),
        sort=query.sort,
        after=after,
        walks=walks,
    )


def values_of(query: ProductQuery) -> dict[str, Any]:
    values: dict[str, Any] = {"size": query.page_size, "offset": query.offset}
    values |= {"brand": query.brand, "min_price": query.min_price, "max_price": query.max_price}
    values |= {f"id{number}": one for number, one in enumerate(query.product_ids)}
    for number, word in enumerate(query.words):
        values[f"from{number}"], values[f"until{number}"] = prefix_range(word)
    return values


@lru_cache(maxsize=4)
def compile_product(dialect: Dialect) -> CompiledStatement:
    wanted = products.c.product_id == bindparam("product_id")
    return compile_once(select(products).where(wanted), dialect)


@lru_cache(maxsize=256)
def compile_page(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(page_of(shape), dialect)


@lru_cache(maxsize=256)
def compile_count(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(count_of(shape), dialect)


@lru_cache(maxsize=32)
def compile_landmark(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(landmark_of(shape), dialect)


def count_of(shape: Shape) -> Select[tuple[int]]:
    return select(func.count()).select_from(products).where(*_filters(shape), *_words(shape))


def page_of(shape: Shape) -> Select[Any]:
    found = _walked(shape) if shape.walks else _found(shape)
    page = found.limit(_number("size")).offset(_number("offset")).subquery("page")
    joined = select(products).join(page, page.c.product_id == products.c.product_id)
    return joined.order_by(*_order(products, shape.sort))


def landmark_of(shape: Shape) -> Select[Any]:
    """What stands at `offset`, counted from the landmark before it."""
    sorted_by = products.c[SORT_COLUMN[shape.sort]]
    return _found(shape).add_columns(sorted_by).limit(_number("size")).offset(_number("offset"))


def _found(shape: Shape) -> Select[Any]:
    return (
        select(products.c.product_id)
        .where(*_filters(shape), *_words(shape))
        .order_by(*_order(products, shape.sort))
    )


def _walked(shape: Shape) -> Select[Any]:
    """Of the first `walked` of an order those that have the words."""
    sorted_by = products.c[SORT_COLUMN[shape.sort]]
    walked = (
        select(products.c.product_id, sorted_by)
        .where(*_filters(shape))
        .order_by(*_order(products, shape.sort))
        .limit(_number("walked"))
        .offset(_ZERO)
        .subquery("walked")
    )
    tested = [_tested_word(walked, number) for number in range(shape.words)]
    return select(walked.c.product_id).where(*tested).order_by(*_order(walked, shape.sort))


def _order(source: FromClause, sort: ProductSort) -> tuple[ColumnElement[Any], ...]:
    column = source.c[SORT_COLUMN[sort]]
    return column.desc() if sort in _FALLING else column.asc(), source.c.product_id


def _filters(shape: Shape) -> list[ColumnElement[bool]]:
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
        ids: list[BindParameter[int]] = [bindparam(f"id{number}") for number in range(shape.ids)]
        conditions.append(products.c.product_id.in_(ids))
    if shape.after:
        conditions.append(_after(shape.sort))
    return conditions


def _after(sort: ProductSort) -> ColumnElement[bool]:
    """In this form a range of the index on every database, which a comparison of rows is not."""
    column = products.c[SORT_COLUMN[sort]]
    value: BindParameter[Any] = bindparam("after_value", type_=column.type)
    further = column < value if sort in _FALLING else column > value
    reached = column <= value if sort in _FALLING else column >= value
    return and_(reached, or_(further, products.c.product_id > bindparam("after_id")))


def _words(shape: Shape) -> list[ColumnElement[bool]]:
    return [
        products.c.product_id.in_(select(product_words.c.product_id).where(*_in_range(number)))
        for number in range(shape.words)
    ]


def _tested_word(walked: FromClause, number: int) -> ColumnElement[bool]:
    """Counted, since what only exists may be looked for by any index: here each watch is to be
    looked at in turn."""
    of_product = product_words.c.product_id == walked.c.product_id
    found = select(func.count()).select_from(product_words).where(of_product, *_in_range(number))
    return found.scalar_subquery() > _ZERO


def _in_range(number: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        product_words.c.word >= bindparam(f"from{number}"),
        product_words.c.word < bindparam(f"until{number}"),
    )


def _number(name: str) -> BindParameter[int]:
    return bindparam(name, type_=Integer)

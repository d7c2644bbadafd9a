"""What is asked of the catalogue's tables. Each page is found by an index alone; only the rows
that are shown are read.

A statement is built and compiled once for each shape of a query.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Row,
    Select,
    bindparam,
    false,
    func,
    select,
)

from contracts.products import Brand, BrandList, Product, ProductPage, ProductSort
from database.tables import product_words, products
from database.words import prefix_range
from servicekit.database.compiled import CompiledStatement, compile_once
from services.service_http.search import ProductQuery

_SORTED_BY: dict[ProductSort, ColumnElement[object]] = {
    ProductSort.NAME: products.c.name.asc(),
    ProductSort.PRICE: products.c.price_idr.asc(),
    ProductSort.PRICE_DESCENDING: products.c.price_idr.desc(),
    ProductSort.NEWEST: products.c.released_on.desc(),
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a query but its values; ids and words by their number."""

    words: int
    finds_nothing: bool
    brand: bool
    min_price: bool
    max_price: bool
    ids: int
    sort: ProductSort


_ByShape = Callable[[_Shape, Dialect], CompiledStatement]


def find_product(connection: Connection, product_id: int) -> Product | None:
    statement = _compile_product(connection.dialect)
    row = statement.execute(connection, {"product_id": product_id}).one_or_none()
    return None if row is None else _product(row)


def list_products(
    connection: Connection, query: ProductQuery, known_total: int | None = None
) -> ProductPage:
    """Counts only if it must: neither if the total is known, nor if this page shows the end."""
    total, items = known_total, tuple[Product, ...]()
    if total is None and query.offset:
        # A page past the end needs no look at the rows before it.
        total = _count(connection, query)
    if total is None or query.offset < total:
        items = tuple(map(_product, _execute(connection, _compile_page, query)))
    seen = query.offset + len(items)
    if len(items) < query.page_size and (items or not query.offset):
        total = seen
    elif total is None:
        total = _count(connection, query)
    return ProductPage(
        items=items,
        page=query.page,
        page_size=query.page_size,
        total=max(total, seen) if items else total,
    )


def list_products_after(connection: Connection, product_id: int, limit: int) -> list[Product]:
    """The next ones by id."""
    rows = connection.execute(
        select(products)
        .where(products.c.product_id > product_id)
        .order_by(products.c.product_id)
        .limit(limit)
    )
    return [Product(**row._mapping) for row in rows]


def list_brands(connection: Connection) -> BrandList:
    rows = connection.execute(
        select(products.c.brand, func.count().label("products"))
        .group_by(products.c.brand)
        .order_by(products.c.brand)
    )
    return BrandList(items=tuple(Brand(**row._mapping) for row in rows))


def _count(connection: Connection, query: ProductQuery) -> int:
    ((total,),) = _execute(connection, _compile_count, query)
    return int(total)


def _execute(
    connection: Connection,
    compiled: Callable[[_Shape, Dialect], CompiledStatement],
    query: ProductQuery,
) -> Sequence[Row[Any]]:
    return compiled(_shape(query), connection.dialect).execute(connection, _values(query)).all()


def _product(row: Row[Any]) -> Product:
    return Product(**row._mapping)


@lru_cache(maxsize=4)
def _compile_product(dialect: Dialect) -> CompiledStatement:
    wanted = products.c.product_id == bindparam("product_id")
    return compile_once(select(products).where(wanted), dialect)


@lru_cache(maxsize=256)
def _compile_page(shape: _Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(_page_of(shape), dialect)


@lru_cache(maxsize=256)
def _compile_count(shape: _Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(_count_of(shape), dialect)


def _shape(query: ProductQuery) -> _Shape:
    return _Shape(
        words=len(query.words),
        finds_nothing=query.finds_nothing,
        brand=bool(query.brand),
        min_price=query.min_price is not None,
        max_price=query.max_price is not None,
        ids=len(query.product_ids),
        sort=query.sort,
    )


def _values(query: ProductQuery) -> dict[str, Any]:
    values: dict[str, Any] = {"size": query.page_size, "offset": query.offset}
    values |= {"brand": query.brand, "min_price": query.min_price, "max_price": query.max_price}
    values |= {f"id{number}": one for number, one in enumerate(query.product_ids)}
    for number, word in enumerate(query.words):
        values[f"from{number}"], values[f"until{number}"] = prefix_range(word)
    return values


def _count_of(shape: _Shape) -> Select[tuple[int]]:
    return select(func.count()).select_from(products).where(*_conditions(shape))


def _page_of(shape: _Shape) -> Select[Any]:
    order = (_SORTED_BY[shape.sort], products.c.product_id)
    page = (
        select(products.c.product_id)
        .where(*_conditions(shape))
        .order_by(*order)
        .limit(bindparam("size", type_=Integer))
        .offset(bindparam("offset", type_=Integer))
        .subquery("page")
    )
    return select(products).join(page, page.c.product_id == products.c.product_id).order_by(*order)


def _conditions(shape: _Shape) -> list[ColumnElement[bool]]:
    conditions = [_has_word(number) for number in range(shape.words)]
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
    return conditions


def _has_word(number: int) -> ColumnElement[bool]:
    return products.c.product_id.in_(
        select(product_words.c.product_id).where(
            product_words.c.word >= bindparam(f"from{number}"),
            product_words.c.word < bindparam(f"until{number}"),
        )
    )

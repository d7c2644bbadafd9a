"""What is asked of the catalogue's tables, so that a page costs as much in a large catalogue as in
a small one."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Row, func, select

from contracts.products import Brand, BrandList, Product, ProductPage
from database.counts import FEW_PRODUCTS, Counted
from database.tables import products
from servicekit.database.compiled import CompiledStatement
from services.service_http.kept_counts import find_kept_count, find_kept_total, list_kept_brands
from services.service_http.landmarks import DISTANCE, Landmark, Landmarks
from services.service_http.product_statements import (
    Shape,
    compile_count,
    compile_landmark,
    compile_page,
    compile_product,
    shape_of,
    values_of,
)
from services.service_http.search import ProductQuery

# So many times the watches that should do are looked at for a page of those that have a word:
# they are not spread evenly.
_MARGIN = 3
# To look at a watch takes a database a few microseconds.
_MOST_WALKED = 20_000

_Statement = Callable[[Shape, Dialect], CompiledStatement]


def find_product(connection: Connection, product_id: int) -> Product | None:
    statement = compile_product(connection.dialect)
    row = statement.execute(connection, {"product_id": product_id}).one_or_none()
    return None if row is None else _product(row)


def list_products(
    connection: Connection,
    query: ProductQuery,
    known_total: int | None = None,
    landmarks: Landmarks | None = None,
) -> ProductPage:
    """Counts only if it must: neither if the total is known or kept, nor if this page shows the
    end."""
    total, items = known_total, tuple[Product, ...]()
    if total is None:
        total = find_kept_total(connection, query)
    if total is None and query.offset:
        # A page past the end needs no look at the rows before it.
        total = _count(connection, query)
    if total is None or query.offset < total:
        items = tuple(map(_product, _find_page(connection, query, total, landmarks or Landmarks())))
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
    kept = list_kept_brands(connection)
    if kept.items:
        return kept
    rows = connection.execute(
        select(products.c.brand, func.count().label("products"))
        .group_by(products.c.brand)
        .order_by(products.c.brand)
    )
    return BrandList(items=tuple(Brand(**row._mapping) for row in rows))


def _count(connection: Connection, query: ProductQuery) -> int:
    ((total,),) = _execute(connection, compile_count, query, shape_of(query))
    return int(total)


def _find_page(
    connection: Connection, query: ProductQuery, total: int | None, landmarks: Landmarks
) -> Sequence[Row[Any]]:
    if query.words and total is not None and total > FEW_PRODUCTS:
        walked = _watches_to_walk(connection, query, total)
        if walked < min(total, _MOST_WALKED):
            shape = shape_of(query, walks=True)
            rows = _execute(connection, compile_page, query, shape, walked=walked)
            if len(rows) == min(query.page_size, total - query.offset):
                return rows
    elif query.offset >= DISTANCE and not query.words and not query.product_ids:
        return _find_from_landmark(connection, query, landmarks)
    return _execute(connection, compile_page, query, shape_of(query))


def _watches_to_walk(connection: Connection, query: ProductQuery, total: int) -> int:
    """In an order, until a page of those is found that have the words, by how frequent they are."""
    of_all = (Counted.BRAND, query.brand) if query.brand else (Counted.EVERYTHING, "")
    number = find_kept_count(connection, *of_all) or 0
    if number < total:
        return _MOST_WALKED
    return _MARGIN * (query.offset + query.page_size) * number // total


def _find_from_landmark(
    connection: Connection, query: ProductQuery, landmarks: Landmarks
) -> Sequence[Row[Any]]:
    def find_next(mark: Landmark | None) -> Landmark | None:
        values = {"size": 1, "offset": DISTANCE - 1, **_after(mark)}
        shape = shape_of(query, after=mark is not None)
        for product_id, value in _execute(connection, compile_landmark, query, shape, **values):
            return Landmark(value, product_id)
        return None

    order = (*query.found, query.sort)
    mark, offset = landmarks.before(order, query.offset, find_next)
    values = {"offset": offset, **_after(mark)}
    shape = shape_of(query, after=mark is not None)
    return _execute(connection, compile_page, query, shape, **values)


def _after(mark: Landmark | None) -> dict[str, Any]:
    return {} if mark is None else {"after_value": mark.value, "after_id": mark.product_id}


def _execute(
    connection: Connection,
    compiled: _Statement,
    query: ProductQuery,
    shape: Shape,
    **values: Any,
) -> Sequence[Row[Any]]:
    statement = compiled(shape, connection.dialect)
    return statement.execute(connection, values_of(query) | values).all()


def _product(row: Row[Any]) -> Product:
    return Product(**row._mapping)

"""What is asked of the catalogue's tables, so that a page costs as much in a large catalogue as in
a small one."""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection, func, select

from contracts.products import Brand, BrandList, Product, ProductPage
from database.counts import FEW_PRODUCTS
from database.tables import products
from services.service_http.found_pages import Found
from services.service_http.kept_counts import find_kept_total, list_kept_brands, rarest_first
from services.service_http.landmarks import (
    DISTANCE,
    Landmarks,
    find_after,
    find_next_landmark,
)
from services.service_http.product_conditions import shape_of, words_as
from services.service_http.product_statements import (
    compile_count,
    compile_page,
    compile_product,
    compile_products,
    execute,
)
from services.service_http.search import ProductQuery
from services.service_http.walking import walk


def find_product(connection: Connection, product_id: int) -> Product | None:
    statement = compile_product(connection.dialect)
    row = statement.execute(connection, {"product_id": product_id}).one_or_none()
    return None if row is None else Product(**row._mapping)


def list_products(
    connection: Connection,
    query: ProductQuery,
    known: Found | None = None,
    landmarks: Landmarks | None = None,
) -> ProductPage:
    """Counts only if it must: neither if the total is known or kept, nor if this page shows the
    end. What is known to be on the page is only read."""
    if known is not None and known.ids is not None:
        items = _read(connection, known.ids)
        if len(items) == len(known.ids):
            return _page(query, items, known.total)
    total = find_kept_total(connection, query) if known is None else known.total
    if total is None and query.offset:
        # A page past the end needs no look at the rows before it.
        total = _count(connection, query)
    items = ()
    if total is None or query.offset < total:
        items = _find(connection, query, total, landmarks or Landmarks())
    seen = query.offset + len(items)
    if len(items) < query.page_size and (items or not query.offset):
        total = seen
    elif total is None:
        total = _count(connection, query)
    return _page(query, items, max(total, seen) if items else total)


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


def _page(query: ProductQuery, items: tuple[Product, ...], total: int) -> ProductPage:
    return ProductPage(items=items, page=query.page, page_size=query.page_size, total=total)


def _count(connection: Connection, query: ProductQuery) -> int:
    words = words_as(rarest_first(connection, query.words))
    ((total,),) = execute(connection, compile_count, query, shape_of(query), **words)
    return int(total)


def _find(
    connection: Connection, query: ProductQuery, total: int | None, landmarks: Landmarks
) -> tuple[Product, ...]:
    if total is not None and total > FEW_PRODUCTS:
        if query.words:
            found = walk(connection, query, total, landmarks)
            if found is not None:
                return _read(connection, found)
        elif query.offset >= DISTANCE:
            return _find_from_landmark(connection, query, landmarks)
    words = words_as(rarest_first(connection, query.words))
    rows = execute(connection, compile_page, query, shape_of(query), **words)
    return tuple(Product(**row._mapping) for row in rows)


def _read(connection: Connection, ids: Sequence[int]) -> tuple[Product, ...]:
    """Those that are there, in this order."""
    if not ids:
        return ()
    statement = compile_products(len(ids), connection.dialect)
    rows = statement.execute(connection, {f"id{number}": one for number, one in enumerate(ids)})
    by_id = {row.product_id: Product(**row._mapping) for row in rows}
    return tuple(by_id[one] for one in ids if one in by_id)


def _find_from_landmark(
    connection: Connection, query: ProductQuery, landmarks: Landmarks
) -> tuple[Product, ...]:
    find_next = partial(find_next_landmark, connection, query)
    mark, offset = landmarks.before((*query.found, query.sort), query.offset, find_next)
    size = query.page_size
    rows = find_after(connection, compile_page, query, mark, offset=offset, size=size)
    return tuple(Product(**row._mapping) for row in rows)

"""What is asked of the catalogue's tables. Each page is found by an index alone; only the rows
that are shown are read."""

from sqlalchemy import ColumnElement, Connection, Select, false, func, select

from contracts.products import Brand, BrandList, Product, ProductPage, ProductSort
from database.tables import product_words, products
from database.words import prefix_range
from services.service_http.search import ProductQuery

_SORTED_BY: dict[ProductSort, ColumnElement[object]] = {
    ProductSort.NAME: products.c.name.asc(),
    ProductSort.PRICE: products.c.price_idr.asc(),
    ProductSort.PRICE_DESCENDING: products.c.price_idr.desc(),
    ProductSort.NEWEST: products.c.released_on.desc(),
}


def find_product(connection: Connection, product_id: int) -> Product | None:
    row = connection.execute(
        select(products).where(products.c.product_id == product_id)
    ).one_or_none()
    return None if row is None else Product(**row._mapping)


def list_products(connection: Connection, query: ProductQuery) -> ProductPage:
    total = connection.scalar(count_statement(query)) or 0
    # A page past the end needs no look at the rows before it.
    rows = connection.execute(page_statement(query)) if query.offset < total else ()
    return ProductPage(
        items=tuple(Product(**row._mapping) for row in rows),
        page=query.page,
        page_size=query.page_size,
        total=total,
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


def count_statement(query: ProductQuery) -> Select[tuple[int]]:
    return select(func.count()).select_from(products).where(*_conditions(query))


def page_statement(query: ProductQuery) -> Select[tuple[object, ...]]:
    order = (_SORTED_BY[query.sort], products.c.product_id)
    page = (
        select(products.c.product_id)
        .where(*_conditions(query))
        .order_by(*order)
        .limit(query.page_size)
        .offset(query.offset)
        .subquery("page")
    )
    return select(products).join(page, page.c.product_id == products.c.product_id).order_by(*order)


def _conditions(query: ProductQuery) -> list[ColumnElement[bool]]:
    conditions = [_has_word(prefix) for prefix in query.words]
    if query.finds_nothing:
        conditions.append(false())
    if query.brand:
        conditions.append(products.c.brand == query.brand)
    if query.min_price is not None:
        conditions.append(products.c.price_idr >= query.min_price)
    if query.max_price is not None:
        conditions.append(products.c.price_idr <= query.max_price)
    if query.product_ids:
        conditions.append(products.c.product_id.in_(query.product_ids))
    return conditions


def _has_word(prefix: str) -> ColumnElement[bool]:
    first, end = prefix_range(prefix)
    return products.c.product_id.in_(
        select(product_words.c.product_id).where(
            product_words.c.word >= first, product_words.c.word < end
        )
    )

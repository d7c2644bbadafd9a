"""The statements that find products, built and compiled once for each shape of a query. Each page
is found by an index alone; only the rows that are shown are read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Row, Select, bindparam, func, select

from database.tables import product_words, products
from servicekit.database.compiled import CompiledStatement, compile_once
from services.service_http.product_conditions import (
    SORT_COLUMN,
    ZERO,
    Shape,
    filters_of,
    has_id,
    in_range,
    order_of,
    tested_word,
    values_of,
    whole,
    words_of,
)
from services.service_http.search import ProductQuery

# Of one kind, for every shape.
Compiled = Callable[[Shape, Dialect], CompiledStatement]


@lru_cache(maxsize=4)
def compile_product(dialect: Dialect) -> CompiledStatement:
    wanted = products.c.product_id == bindparam("product_id")
    return compile_once(select(products).where(wanted), dialect)


@lru_cache(maxsize=128)
def compile_products(number: int, dialect: Dialect) -> CompiledStatement:
    """Those with the ids `id0`, `id1` and so on, in no order."""
    return compile_once(select(products).where(has_id(number)), dialect)


@lru_cache(maxsize=256)
def compile_page(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(page_of(shape), dialect)


@lru_cache(maxsize=256)
def compile_count(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(count_of(shape), dialect)


@lru_cache(maxsize=64)
def compile_walk(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(walk_of(shape), dialect)


@lru_cache(maxsize=64)
def compile_landmark(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(landmark_of(shape), dialect)


@lru_cache(maxsize=64)
def compile_equals(shape: Shape, dialect: Dialect) -> CompiledStatement:
    return compile_once(equals_of(shape), dialect)


def count_of(shape: Shape) -> Select[tuple[int]]:
    filters = filters_of(shape)
    if shape.words and not filters:
        # The words alone tell: no watch is looked at.
        first = product_words.alias("first")
        tested = [tested_word(first, number) for number in range(1, shape.words)]
        return select(func.count(first.c.product_id.distinct())).where(*in_range(0, first), *tested)
    return select(func.count()).select_from(products).where(*filters, *words_of(shape))


def page_of(shape: Shape) -> Select[Any]:
    page = _found(shape).limit(whole("size")).offset(whole("offset")).subquery("page")
    joined = select(products).join(page, page.c.product_id == products.c.product_id)
    return joined.order_by(*order_of(products, shape.sort))


def walk_of(shape: Shape) -> Select[Any]:
    """The ids of those that have the words, of the next `walked` of an order."""
    sorted_by = products.c[SORT_COLUMN[shape.sort]]
    walked = (
        select(products.c.product_id, sorted_by)
        .where(*filters_of(shape))
        .order_by(*order_of(products, shape.sort))
        .limit(whole("walked"))
        .offset(ZERO)
        .subquery("walked")
    )
    tested = (
        words_of(shape, walked)
        if shape.many
        else [tested_word(walked, number) for number in range(shape.words)]
    )
    found = select(walked.c.product_id).where(*tested).order_by(*order_of(walked, shape.sort))
    return found.limit(whole("size")).offset(ZERO)


def landmark_of(shape: Shape) -> Select[Any]:
    """What stands at `offset`, counted from the landmark before it."""
    sorted_by = products.c[SORT_COLUMN[shape.sort]]
    found = _found(replace(shape, words=0)).add_columns(sorted_by)
    return found.limit(whole("size")).offset(whole("offset"))


def equals_of(shape: Shape) -> Select[tuple[int]]:
    """How many there are, counted up to `size`."""
    found = _found(replace(shape, words=0)).limit(whole("size")).offset(ZERO).subquery("found")
    return select(func.count()).select_from(found)


def _found(shape: Shape) -> Select[Any]:
    return (
        select(products.c.product_id)
        .where(*filters_of(shape), *words_of(shape))
        .order_by(*order_of(products, shape.sort))
    )


def execute(
    connection: Connection,
    compiled: Compiled,
    query: ProductQuery,
    shape: Shape,
    **values: Any,
) -> Sequence[Row[Any]]:
    statement = compiled(shape, connection.dialect)
    return statement.execute(connection, values_of(query) | values).all()

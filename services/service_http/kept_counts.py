"""What `database/counts.py` keeps of a large catalogue, asked."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection, Dialect, bindparam, select

from contracts.products import Brand, BrandList
from database.counts import Counted
from database.tables import catalogue_counts
from servicekit.database.compiled import CompiledStatement, compile_once
from services.service_http.search import ProductQuery


def find_kept_total(connection: Connection, query: ProductQuery) -> int | None:
    """None if it is not kept: of a small catalogue, of few watches, of several conditions."""
    if query.product_ids or query.min_price or query.max_price is not None or query.finds_nothing:
        return None
    conditions = [(Counted.WORD, word) for word in query.words]
    if query.brand:
        conditions.append((Counted.BRAND, query.brand))
    if len(conditions) > 1:
        return None
    return find_kept_count(connection, *(conditions[0] if conditions else (Counted.EVERYTHING, "")))


def find_kept_count(connection: Connection, kind: Counted, value: str) -> int | None:
    statement = _compile_count(connection.dialect)
    number = statement.execute(connection, {"kind": str(kind), "value": value}).scalar()
    return None if number is None else int(number)


def rarest_first(connection: Connection, words: Sequence[str]) -> Sequence[str]:
    """Those that are not kept are few."""
    if len(words) < 2:
        return words
    return sorted(words, key=lambda word: find_kept_count(connection, Counted.WORD, word) or 0)


def list_kept_brands(connection: Connection) -> BrandList:
    rows = connection.execute(
        select(catalogue_counts.c.value.label("brand"), catalogue_counts.c.products)
        .where(catalogue_counts.c.kind == str(Counted.BRAND))
        .order_by(catalogue_counts.c.value)
    )
    return BrandList(items=tuple(Brand(**row._mapping) for row in rows))


@lru_cache(maxsize=4)
def _compile_count(dialect: Dialect) -> CompiledStatement:
    counts = catalogue_counts.c
    statement = select(counts.products).where(
        counts.kind == bindparam("kind"), counts.value == bindparam("value")
    )
    return compile_once(statement, dialect)

"""How many watches there are in all, of each brand and of each beginning of a word: kept of a large
catalogue, where a page is found in a moment and counting would take long.

Written by the seed alone, which is what adds watches. Who finds nothing kept counts.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby

from sqlalchemy import Engine, delete, func, insert, select

from database.tables import catalogue_counts, product_words, products
from servicekit.database.engine import transaction

# To count so many takes a database a few milliseconds.
FEW_PRODUCTS = 10_000
# Words that are read at a time, and those that remain of the last watch.
_BATCH = 20_000


class Counted(StrEnum):
    EVERYTHING = "all"
    BRAND = "brand"
    WORD = "word"


def keep_counts(engine: Engine, few: int = FEW_PRODUCTS) -> None:
    """Count anew if there are more than a few watches, and not as many as were counted last. Of
    words only those are kept that begin more than a few."""
    with engine.connect() as connection:
        number = connection.scalar(select(func.count()).select_from(products)) or 0
        kept = connection.scalar(
            select(catalogue_counts.c.products).where(catalogue_counts.c.kind == Counted.EVERYTHING)
        )
        if number <= few or number == kept:
            return
        brands = connection.execute(
            select(products.c.brand, func.count()).group_by(products.c.brand)
        ).tuples()
        rows = [_row(Counted.BRAND, brand, count) for brand, count in brands]
    rows += [_row(Counted.EVERYTHING, "", number)]
    rows += [
        _row(Counted.WORD, beginning, count)
        for beginning, count in _count_beginnings(engine).items()
        if count > few
    ]
    with transaction(engine) as connection:
        connection.execute(delete(catalogue_counts))
        connection.execute(insert(catalogue_counts), rows)


def _row(kind: Counted, value: str, number: int) -> dict[str, object]:
    return {"kind": kind, "value": value, "products": number}


def _count_beginnings(engine: Engine) -> Counter[str]:
    """Of each beginning of a word the watches that have it, each once, however many of its words
    begin like this. In memory there is one batch, and what words there are."""
    counts: Counter[str] = Counter()
    for words in _words_by_product(engine):
        counts.update({word[:end] for word in words for end in range(1, len(word) + 1)})
    return counts


def _words_by_product(engine: Engine) -> Iterator[list[str]]:
    last = 0
    while batch := _read_words(engine, last):
        last = max(batch)
        yield from batch.values()


def _read_words(engine: Engine, after: int) -> dict[int, list[str]]:
    """Of the next products. A connection each time: on SQLite nobody else could write meanwhile."""
    ids = (
        select(product_words.c.product_id)
        .where(product_words.c.product_id > after)
        .order_by(product_words.c.product_id)
        .limit(_BATCH)
        .subquery()
    )
    with engine.connect() as connection:
        last = connection.scalar(select(func.max(ids.c.product_id)))
        if last is None:
            return {}
        rows = connection.execute(
            select(product_words.c.product_id, product_words.c.word)
            .where(product_words.c.product_id > after, product_words.c.product_id <= last)
            .order_by(product_words.c.product_id)
        ).tuples()
        grouped = groupby(rows, key=lambda row: row[0])
        return {one: [word for _, word in words] for one, words in grouped}

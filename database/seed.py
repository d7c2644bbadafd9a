"""Fills an empty shop: the catalogue, its search words, and the first row of each ledger."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select

from database.catalogue import CatalogueItem, create_catalogue
from database.catalogue.variants import variant_of
from database.counts import keep_counts
from database.tables import product_words, products, stock_ledger
from database.words import words_of
from servicekit.database.engine import transaction

# Of one transaction: memory and locks are the same however many there are in all.
_BATCH = 2_000


def seed(
    engine: Engine, number: int | None = None, progress: Callable[[int], None] | None = None
) -> int:
    """Insert what is missing and return how many products that were.

    A product that exists is left as it is, price and stock included: seeding again after a
    day of sales changes nothing. With more than the catalogue has, `number` of them, the others
    are its variants; `progress` is told how many are done after each batch.
    """
    catalogue = create_catalogue()
    last, added = number or len(catalogue), 0
    for first in range(1, last + 1, _BATCH):
        ids = range(first, min(first + _BATCH, last + 1))
        with transaction(engine) as connection:
            present = set(
                connection.scalars(
                    select(products.c.product_id).where(
                        products.c.product_id.between(ids[0], ids[-1])
                    )
                )
            )
            missing = [variant_of(catalogue, one) for one in ids if one not in present]
            _insert(connection, missing)
        added += len(missing)
        if progress:
            progress(ids[-1])
    keep_counts(engine)
    return added


def _insert(connection: Connection, items: Sequence[CatalogueItem]) -> None:
    if not items:
        return
    now = datetime.now(UTC)
    connection.execute(insert(products), [product_row(item) for item in items])
    # In the order of their index: each of its pages is met once.
    words = sorted(
        (word, item.product_id)
        for item in items
        for word in words_of(f"{item.brand} {item.collection} {item.name}")
    )
    connection.execute(
        insert(product_words), [{"word": word, "product_id": one} for word, one in words]
    )
    connection.execute(
        insert(stock_ledger),
        [
            {
                "product_id": item.product_id,
                "order_id": None,
                "change": item.stock,
                "reason": "seed",
                "created_at": now,
            }
            for item in items
        ],
    )


def product_row(item: CatalogueItem) -> dict[str, object]:
    return {
        column.name: getattr(
            item, "description_id" if column.name == "description" else column.name
        )
        for column in products.columns
    }

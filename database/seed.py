"""Fills an empty shop: the catalogue, its search words, and the first row of each ledger."""

from datetime import UTC, datetime

from sqlalchemy import Engine, insert, select

from database.catalogue import CatalogueItem, create_catalogue
from database.tables import product_words, products, stock_ledger
from database.words import words_of
from servicekit.database.engine import transaction


def seed(engine: Engine) -> int:
    """Insert what is missing and return how many products that were.

    A product that exists is left as it is, price and stock included: seeding again after a
    day of sales changes nothing.
    """
    with transaction(engine) as connection:
        present = set(connection.scalars(select(products.c.product_id)))
        missing = [item for item in create_catalogue() if item.product_id not in present]
        if missing:
            now = datetime.now(UTC)
            connection.execute(insert(products), [product_row(item) for item in missing])
            connection.execute(
                insert(product_words),
                [
                    {"word": word, "product_id": item.product_id}
                    for item in missing
                    for word in words_of(f"{item.brand} {item.collection} {item.name}")
                ],
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
                    for item in missing
                ],
            )
    return len(missing)


def product_row(item: CatalogueItem) -> dict[str, object]:
    return {
        column.name: getattr(
            item, "description_id" if column.name == "description" else column.name
        )
        for column in products.columns
    }

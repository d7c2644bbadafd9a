"""The seed on every database: all of the catalogue, its words, and the first row of each ledger."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select, text

from database.catalogue import CatalogueItem, create_catalogue
from database.schema import upgrade
from database.seed import seed
from database.tables import product_words, products, stock_ledger
from database.words import words_of
from tests.integration.engines import opened

CATALOGUE = create_catalogue()


def words_in(item: CatalogueItem) -> list[str]:
    return words_of(f"{item.brand} {item.collection} {item.name}")


def test_the_seed_is_the_catalogue_with_its_words_and_every_stock_the_sum_of_its_ledger(
    engine: Engine,
) -> None:
    change = func.sum(stock_ledger.c.change)
    sums = select(stock_ledger.c.product_id, change).group_by(stock_ledger.c.product_id)
    words = select(product_words.c.product_id, product_words.c.word)
    with engine.connect() as connection:
        stocks = connection.execute(select(products.c.product_id, products.c.stock)).tuples()
        ledger = connection.execute(sums).tuples()
        assert {(item.product_id, item.stock) for item in CATALOGUE} == set(stocks) == set(ledger)
        assert set(connection.execute(words).tuples()) == {
            (item.product_id, word) for item in CATALOGUE for word in words_in(item)
        }


def test_a_product_is_found_by_brand_collection_and_name(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the catalogue itself most names repeat the collection."""
    item = replace(CATALOGUE[0], brand="Satu", collection="Dua", name="Tiga Empat")
    monkeypatch.setattr("database.seed.create_catalogue", lambda: (item,))
    with opened(empty_url) as engine:
        upgrade(engine)
        seed(engine)
        with engine.connect() as connection:
            words = connection.scalars(select(product_words.c.word))
            assert set(words) == {"satu", "dua", "tiga", "empat"}


def test_seeding_again_leaves_what_was_sold_and_priced_since_as_it_is(empty_url: str) -> None:
    """And adds what a newer catalogue has, with its words and its ledger."""
    seventh = CATALOGUE[6]
    with opened(empty_url) as engine:
        upgrade(engine)
        assert (seed(engine), seed(engine)) == (len(CATALOGUE), 0)
        with engine.begin() as connection:
            connection.execute(text("UPDATE products SET stock = 1, price_idr = 2"))
            for table in (product_words, stock_ledger, products):
                connection.execute(table.delete().where(table.c.product_id == 7))
        assert seed(engine) == 1
        columns = (products.c.product_id, products.c.stock, products.c.price_idr)
        with engine.connect() as connection:
            found = connection.execute(select(*columns))
            shop = {product_id: (stock, price) for product_id, stock, price in found}
            assert shop.pop(7) == (seventh.stock, seventh.price_idr)
            assert set(shop.values()) == {(1, 2)}
            for table, number in ((stock_ledger, 1), (product_words, len(words_in(seventh)))):
                rows = select(func.count()).where(table.c.product_id == 7)
                assert connection.scalar(rows) == number, table.name

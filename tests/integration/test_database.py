"""Migrations and the seed on every database."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, select

from database.catalogue import CATALOGUE
from database.schema import newest_revision, upgrade
from database.seed import seed
from database.tables import metadata, products, stock_ledger


def test_the_migrations_make_what_the_code_declares(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []


def test_upgrading_and_seeding_again_change_nothing(engine: Engine) -> None:
    assert upgrade(engine) == newest_revision()
    assert seed(engine) == 0


def test_the_seed_is_the_catalogue_and_every_stock_is_the_sum_of_its_ledger(
    engine: Engine,
) -> None:
    with engine.connect() as connection:
        stocks = dict(
            connection.execute(select(products.c.product_id, products.c.stock)).tuples().all()
        )
        sums = connection.execute(
            select(stock_ledger.c.product_id, func.sum(stock_ledger.c.change)).group_by(
                stock_ledger.c.product_id
            )
        )
        ledger = {product_id: int(change) for product_id, change in sums}
    assert stocks == ledger == {item.product_id: item.stock for item in CATALOGUE}

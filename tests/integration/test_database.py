"""Migrations and the seed on every database, and what repeated work costs."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import Connection, Engine, event, func, insert, select, text
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import DBAPIError

from contracts.orders import MAX_TOTAL_IDR
from database.catalogue import create_catalogue
from database.schema import _config, current_revision, newest_revision, upgrade
from database.seed import seed
from database.tables import metadata, orders, products, stock_ledger
from servicekit.database.engine import create_database_engine, transaction
from servicekit.telemetry.tracing import tracer
from services.consumer.orders import has_row, store_orders
from services.service_http.orders import find_order, list_orders
from services.service_http.products import find_product, list_brands, list_products
from services.service_http.query import ProductQuery
from tests.integration.consuming import GUEST, make_order
from tests.processes import ROOT
from tests.servers import MySqlServer

CATALOGUE = create_catalogue()


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


def test_an_older_database_keeps_its_orders_and_takes_totals_that_the_contract_allows(
    tmp_path: Path, request: pytest.FixtureRequest, migrated_url: str
) -> None:
    """A total above the table's own maximum was accepted and could then not be stored."""
    url = f"sqlite:///{tmp_path}/older.db"
    if not migrated_url.startswith("sqlite"):
        server: MySqlServer = request.getfixturevalue("mysql_server")
        server.execute("DROP DATABASE IF EXISTS older", "CREATE DATABASE older")
        url = server.url("older")
    engine = create_database_engine(url, read_only=False, connections=1, statement_seconds=10)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "0001")
        connection.commit()
        with pytest.raises(DBAPIError), connection.begin():
            connection.execute(insert(orders), order_row("too dear", 2 * 10**12))
    with transaction(engine) as connection:
        connection.execute(insert(orders), order_row("before", 5_000))
    assert upgrade(engine) == newest_revision()
    engine.dispose()
    with transaction(engine) as connection:
        connection.execute(insert(orders), order_row("dear", MAX_TOTAL_IDR))
    with pytest.raises(DBAPIError), transaction(engine) as connection:
        connection.execute(insert(orders), order_row("negative", -1))
    with engine.connect() as connection:
        totals = connection.execute(select(orders.c.order_id, orders.c.total_idr))
        assert dict(totals.tuples().all()) == {"before": 5_000, "dear": MAX_TOTAL_IDR}
        if url.startswith("sqlite"):
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    engine.dispose()


def order_row(order_id: str, total_idr: int) -> dict[str, Any]:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        **{"order_id": order_id, "guest_id": "guest", "fingerprint": "0" * 64},
        **{"status": "confirmed", "reason": None, "total_idr": total_idr},
        **{"customer_name": "a", "customer_email": "a@b.c", "customer_address": "a"},
        **{"accepted_at": moment, "stored_at": moment},
    }


# The commands, ended by the kernel before the statement with the number in front.
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from database.__main__ import main
left = int(sys.argv.pop(1))

@event.listens_for(Engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.exit(main())
"""


def test_a_first_start_killed_at_any_moment_is_finished_by_the_next(tmp_path: Path) -> None:
    """Each kill leaves what it leaves to the one after it."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    # In the first migration, twice in the second, twice in the seed, and not at all.
    for statement in (8, 24, 8, 16, 10, 0):
        command = [sys.executable, "-c", KILLED, str(statement), "upgrade", "seed"]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, timeout=60, check=False
        )
        assert done.returncode == (-signal.SIGKILL if statement else 0)
    engine = create_database_engine(url, read_only=True, connections=1, statement_seconds=5)
    with engine.connect() as connection:
        assert current_revision(connection) == newest_revision()
        for table in (products, stock_ledger):
            assert connection.scalar(select(func.count()).select_from(table)) == len(CATALOGUE)
    engine.dispose()


def in_connection(question: Callable[[Connection], object]) -> Callable[[Engine], object]:
    def ask(engine: Engine) -> object:
        with engine.connect() as connection:
            return question(connection)

    return ask


@pytest.mark.parametrize(
    "work",
    [
        in_connection(current_revision),
        in_connection(lambda connection: find_product(connection, 7)),
        in_connection(lambda connection: list_products(connection, ProductQuery(q="batik"))),
        in_connection(list_brands),
        in_connection(lambda connection: find_order(connection, GUEST, uuid.uuid4())),
        in_connection(lambda connection: list_orders(connection, GUEST, 10)),
        lambda engine: has_row(engine, str(uuid.uuid4())),
        lambda engine: store_orders(engine, [make_order({7: 1}), make_order({3: 2})]),
    ],
    ids=["revision", "product", "products", "brands", "order", "orders", "has row", "store"],
)
def test_the_same_work_again_compiles_no_statement_anew(
    engine: Engine, work: Callable[[Engine], object]
) -> None:
    """What is compiled is also kept: a service would grow for as long as it runs."""
    compiled: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, statement: str, _3: Any, context: Any, _4: bool) -> None:
        if context.cache_hit is CacheStats.CACHE_MISS:
            compiled.append(statement)

    for _ in range(3):
        before = len(compiled)
        work(engine)
    assert compiled[before:] == []


def test_a_commit_that_fails_undoes_all_and_its_span_quotes_nothing(
    engine: Engine, spans: InMemorySpanExporter
) -> None:
    @event.listens_for(engine, "commit")
    def fail(_: Connection) -> None:
        raise ArithmeticError("of Sari Wulandari")

    order = make_order({7: 1})
    with pytest.raises(ArithmeticError), tracer().start_as_current_span("process"):
        store_orders(engine, [order])
    event.remove(engine, "commit", fail)
    assert not has_row(engine, str(order.order_id))
    (commit,) = [span for span in spans.get_finished_spans() if span.name == "COMMIT"]
    assert commit.status.status_code is StatusCode.ERROR
    assert "Sari" not in commit.to_json()

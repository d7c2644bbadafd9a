"""How connections are set up, what a statement may take, and what repeated work costs."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import DBAPIError, TimeoutError

from database.revision import current_revision
from servicekit.database.engine import is_unavailable
from servicekit.telemetry.tracing import tracer
from services.consumer.orders import has_row, store_orders
from services.service_http.order_rows import find_order, list_orders
from services.service_http.product_rows import find_product, list_brands, list_products
from services.service_http.search import ProductQuery
from tests.integration.engines import opened
from tests.order_messages import GUEST, make_order


@pytest.mark.parametrize("read_only", [False, True])
def test_sqlite_is_as_durable_and_strict_as_the_contract_says(
    tmp_path: Path, read_only: bool
) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 2000}
    expected |= {"query_only": int(read_only)}
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with opened(url, read_only=read_only, seconds=2) as engine, engine.connect() as connection:
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in expected}
    assert found == expected


def test_who_may_write_to_sqlite_takes_its_lock_at_the_beginning(tmp_path: Path) -> None:
    """Else two that read first and write later would dead-lock; readers never wait."""
    url, question = f"sqlite:///{tmp_path / 'shop.db'}", text("SELECT 1")
    with (
        opened(url) as one,
        opened(url, seconds=0) as other,
        opened(url, read_only=True) as reader,
        one.connect() as writing,
    ):
        writing.execute(question)
        with reader.connect() as reading:
            assert reading.scalar(question) == 1
        with other.connect() as waiting, pytest.raises(DBAPIError, match="locked") as error:
            waiting.execute(question)
        assert is_unavailable(error.value)


def test_a_connection_to_mysql_is_set_up(mysql_url: str) -> None:
    expected = {
        "time_zone": "+00:00",
        "innodb_lock_wait_timeout": 7,
        "character_set_client": "utf8mb4",
    }
    with opened(mysql_url, seconds=7) as engine, engine.connect() as connection:
        found = {name: connection.scalar(text(f"SELECT @@{name}")) for name in expected}
        modes = connection.scalar(text("SELECT @@sql_mode"))
        assert connection.get_isolation_level() == "READ COMMITTED"
        driver: Any = connection.connection.dbapi_connection
        assert (driver._read_timeout, driver._write_timeout, driver.connect_timeout) == (8, 8, 2)
    assert "STRICT_ALL_TABLES" in modes.split(",")
    assert found == expected


def test_a_statement_that_takes_too_long_is_ended_by_the_server(mysql_url: str) -> None:
    with opened(mysql_url, seconds=0.5) as engine, engine.connect() as connection:
        endless = ", ".join(f"information_schema.columns {alias}" for alias in "abcd")
        # Patient with a busy machine: it is the server that has to end it.
        driver: Any = connection.connection.dbapi_connection
        driver._read_timeout = 60
        with pytest.raises(DBAPIError) as error:
            connection.execute(text(f"SELECT count(*) FROM {endless}"))
        assert error.value.orig is not None
        assert error.value.orig.args[0] in (1969, 3024), "ended by the driver, not by the server"
    assert is_unavailable(error.value)


def test_no_more_connections_than_said_and_an_end_of_waiting_for_one(mysql_url: str) -> None:
    with opened(mysql_url, seconds=2) as engine, engine.connect():
        pool: Any = engine.pool
        assert pool.timeout() == 2
        with pytest.raises(TimeoutError) as error, engine.connect():
            pass
        assert is_unavailable(error.value)


def test_an_error_quotes_no_value(empty_url: str) -> None:
    """It may be a customer's."""
    with opened(empty_url) as engine, engine.connect() as connection:
        with pytest.raises(DBAPIError) as error:
            connection.execute(text("SELECT 1 FROM nobody WHERE name = :name"), {"name": "Sari"})
        assert "Sari" not in str(error.value)


QUESTIONS: dict[str, Callable[[Connection], object]] = {
    "revision": current_revision,
    "product": lambda connection: find_product(connection, 7),
    "products": lambda connection: list_products(connection, ProductQuery(q="batik")),
    "brands": list_brands,
    "order": lambda connection: find_order(connection, GUEST, uuid.uuid4()),
    "orders": lambda connection: list_orders(connection, GUEST, 10),
}
WORK: dict[str, Callable[[Engine], object]] = {
    "has row": lambda engine: has_row(engine, str(uuid.uuid4())),
    "store": lambda engine: store_orders(engine, [make_order({7: 1}), make_order({3: 2})]),
}


@pytest.mark.parametrize("name", [*QUESTIONS, *WORK])
def test_the_same_work_again_compiles_no_statement_anew(engine: Engine, name: str) -> None:
    """What is compiled is also kept: a service would grow for as long as it runs."""
    compiled: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_1: Any, _2: Any, statement: str, _3: Any, context: Any, _4: bool) -> None:
        if context.cache_hit is CacheStats.CACHE_MISS:
            compiled.append(statement)

    for _ in range(3):
        before = len(compiled)
        if name in WORK:
            WORK[name](engine)
        else:
            with engine.connect() as connection:
                QUESTIONS[name](connection)
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

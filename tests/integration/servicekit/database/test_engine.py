"""How connections are set up, what a statement may take, and what repeated work costs."""

import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pymysql
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.exc import DBAPIError, OperationalError, TimeoutError

from database.revision import current_revision
from servicekit.database import sql_spans
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


@pytest.mark.parametrize("code", [1129, 1130])
def test_a_server_that_knows_nobody_from_here_yet_is_waited_for(code: int) -> None:
    """As MySQL in a container answers between its first start and its first accounts."""
    refused = pymysql.err.OperationalError(code, "Host '172.18.0.9' is not allowed to connect")
    assert is_unavailable(OperationalError("SELECT 1", {}, refused))


def test_no_more_connections_than_said_and_an_end_of_waiting_for_one(mysql_url: str) -> None:
    with opened(mysql_url, seconds=2) as engine, engine.connect():
        pool: Any = engine.pool
        assert pool.timeout() == 2
        with pytest.raises(TimeoutError) as error, engine.connect():
            pass
        assert is_unavailable(error.value)


def test_an_error_quotes_no_value(empty_url: str, spans: InMemorySpanExporter) -> None:
    """It may be a customer's. What the driver says quotes it, so the span has its type alone."""
    with opened(empty_url) as engine, engine.connect() as connection:
        with pytest.raises(DBAPIError) as error:
            connection.execute(text("SELECT 1 FROM nobody WHERE name = :name"), {"name": "Sari"})
        assert "Sari" not in str(error.value)
        connection.rollback()
        connection.execute(text("CREATE TABLE guests (name VARCHAR(99) PRIMARY KEY)"))
        for _ in range(2):
            with suppress(DBAPIError):
                connection.execute(text("INSERT INTO guests VALUES ('Sari Wulandari')"))
    told = [span for span in spans.get_finished_spans() if span.name.startswith("INSERT")]
    assert [span.status.status_code for span in told] == [StatusCode.UNSET, StatusCode.ERROR]
    assert told[1].name == "INSERT guests"
    assert told[1].attributes is not None
    assert told[1].attributes["error.type"] == "IntegrityError"
    assert told[1].status.description is None
    assert not told[1].events


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_slow_statement_is_marked_and_logged_once_within_its_span(
    tmp_path: Path,
    spans: InMemorySpanExporter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    ends_well: bool,
) -> None:
    """Each is marked; of the same kind there is one line in ten seconds."""
    monkeypatch.setattr(sql_spans, "_next_line", {})

    def wait() -> int:
        time.sleep(0.06)
        return 1 if ends_well else []  # type: ignore[return-value]

    with opened(f"sqlite:///{tmp_path / 'shop.db'}") as engine, engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        monkeypatch.setattr(sql_spans, "SLOW_SECONDS", 0.05)
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("wait", 0, wait)
        for _ in range(2):
            with suppress(DBAPIError):
                connection.execute(text("SELECT wait() WHERE :name = :name"), {"name": "Sari"})
    _begin, usual, *slow = [one for one in spans.get_finished_spans() if one.name != "connect"]
    assert "arloji.sql.slow" not in (usual.attributes or {})
    assert [(one.attributes or {}).get("arloji.sql.slow") for one in slow] == [True, True]
    (record,) = caplog.records
    assert record.message.startswith("slow SQL: SELECT took 0.")
    assert vars(record)["db.query.text"] == "SELECT wait() WHERE ? = ?"


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

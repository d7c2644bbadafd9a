"""Migrations and seeds that meet others or come again, and how connections are set up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError, TimeoutError

from database import schema
from database.catalogue import CatalogueItem, create_catalogue
from database.schema import MigrationBusy, newest_revision, upgrade
from database.seed import seed
from database.tables import product_words, products, stock_ledger
from database.words import words_of
from servicekit.database.engine import create_database_engine, is_unavailable
from tests.servers import MySqlServer

CATALOGUE = create_catalogue()

ROOT = Path(__file__).parents[2]


@contextmanager
def opened(url: str, *, read_only: bool = False, seconds: float = 30) -> Iterator[Engine]:
    engine = create_database_engine(
        url, read_only=read_only, connections=1, statement_seconds=seconds
    )
    yield engine
    engine.dispose()


@pytest.fixture
def mysql_url(mysql_server: MySqlServer) -> Iterator[str]:
    """An empty database."""
    mysql_server.execute("CREATE DATABASE empty")
    yield mysql_server.url("empty")
    mysql_server.execute("DROP DATABASE empty")


@pytest.fixture(params=["sqlite", "mysql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("mysql_url")
    return url


def test_two_migrations_of_sqlite_at_once_are_one(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'empty.db'}"}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "database", "upgrade"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=100)[0].splitlines() for one in started]
    # One of them may find the other one at work for longer than SQLite waits.
    done, busy = f"database is at revision {newest_revision()}", "database is locked"
    assert all(lines[0] == done or busy in lines[0] for lines in said), said
    assert [done] in said


def test_no_migration_begins_while_another_one_has_the_lock(
    mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL commits each change of a table by itself: only the lock keeps two of them apart."""
    monkeypatch.setattr(schema, "_LOCK_SECONDS", 0)
    with opened(mysql_url) as first, opened(mysql_url) as second:
        with first.connect() as holder:
            assert holder.scalar(text("SELECT GET_LOCK('arloji_migration', 0)")) == 1
            with pytest.raises(MigrationBusy, match="another migration has held its lock"):
                upgrade(second)
            assert inspect(second).get_table_names() == []
            holder.execute(text("SELECT RELEASE_LOCK('arloji_migration')"))
        assert upgrade(second) == newest_revision()


@pytest.mark.parametrize("fails", [False, True])
def test_the_lock_is_given_back_however_a_migration_ends(
    mysql_url: str, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    with opened(mysql_url) as engine, opened(mysql_url) as other:
        # Kept in the pool, its connection would keep the lock.
        if fails:
            monkeypatch.setattr(schema.command, "upgrade", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                upgrade(engine)
        else:
            upgrade(engine)
        with other.connect() as looking:
            assert looking.scalar(text("SELECT IS_FREE_LOCK('arloji_migration')")) == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_sqlite_is_as_durable_and_strict_as_the_contract_says(
    tmp_path: Path, read_only: bool
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with opened(url, read_only=read_only) as engine, engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only")
        found = {name: connection.scalar(text(f"PRAGMA {name}")) for name in pragmas}
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 2000,
        "query_only": int(read_only),
    }


def test_who_may_write_to_sqlite_takes_its_lock_at_the_beginning(tmp_path: Path) -> None:
    """Else two that read first and write later would dead-lock; readers never wait."""
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    with (
        opened(url) as one,
        opened(f"{url}?timeout=0") as other,
        opened(url, read_only=True) as reader,
        one.connect() as writing,
    ):
        writing.execute(text("SELECT 1"))
        with reader.connect() as reading:
            assert reading.scalar(text("SELECT 1")) == 1
        with other.connect() as waiting, pytest.raises(DBAPIError, match="locked") as error:
            waiting.execute(text("SELECT 1"))
        assert is_unavailable(error.value)


def test_a_connection_to_mysql_is_set_up(mysql_url: str) -> None:
    with opened(mysql_url, seconds=7) as engine, engine.connect() as connection:
        variables = ("sql_mode", "time_zone", "innodb_lock_wait_timeout", "character_set_client")
        found = {name: connection.scalar(text(f"SELECT @@{name}")) for name in variables}
        modes = set(found.pop("sql_mode").split(","))
        assert connection.get_isolation_level() == "READ COMMITTED"
        driver: Any = connection.connection.dbapi_connection
        assert (driver._read_timeout, driver._write_timeout) == (8, 8)
        assert driver.connect_timeout == 2
    assert "STRICT_ALL_TABLES" in modes
    assert found == {
        "time_zone": "+00:00",
        "innodb_lock_wait_timeout": 7,
        "character_set_client": "utf8mb4",
    }


def test_a_statement_that_takes_too_long_is_ended_by_the_server(mysql_url: str) -> None:
    with opened(mysql_url, seconds=0.5) as engine, engine.connect() as connection:
        endless = "information_schema.columns"
        # Patient with a busy machine: it is the server that has to end it.
        driver: Any = connection.connection.dbapi_connection
        driver._read_timeout = 60
        with pytest.raises(DBAPIError) as error:
            connection.execute(
                text(f"SELECT count(*) FROM {', '.join(f'{endless} {a}' for a in 'abcd')}")
            )
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


def test_every_word_of_a_product_leads_to_it(engine: Engine) -> None:
    with engine.connect() as connection:
        words = connection.execute(select(product_words.c.product_id, product_words.c.word))
        assert set(words.tuples()) == {
            (item.product_id, word) for item in CATALOGUE for word in words_in(item)
        }


def test_a_product_is_found_by_brand_collection_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the catalogue itself most names repeat the collection."""
    item = replace(CATALOGUE[0], brand="Satu", collection="Dua", name="Tiga Empat")
    monkeypatch.setattr("database.seed.create_catalogue", lambda: (item,))
    with opened(f"sqlite:///{tmp_path / 'shop.db'}") as engine:
        upgrade(engine)
        seed(engine)
        with engine.connect() as connection:
            words = connection.scalars(select(product_words.c.word))
            assert set(words) == {"satu", "dua", "tiga", "empat"}


def words_in(item: CatalogueItem) -> list[str]:
    return words_of(f"{item.brand} {item.collection} {item.name}")


def test_seeding_again_leaves_what_was_sold_and_priced_since_as_it_is(empty_url: str) -> None:
    """And adds what a newer catalogue has, with its words and its ledger."""
    with opened(empty_url) as engine:
        upgrade(engine)
        assert seed(engine) == len(CATALOGUE)
        with engine.begin() as connection:
            connection.execute(text("UPDATE products SET stock = 1, price_idr = 2"))
            for table in (product_words, stock_ledger, products):
                connection.execute(table.delete().where(table.c.product_id == 7))
        assert seed(engine) == 1
        with engine.connect() as connection:
            found = connection.execute(
                select(products.c.product_id, products.c.stock, products.c.price_idr)
            )
            shop = {product_id: (stock, price) for product_id, stock, price in found}
            (seventh,) = [item for item in CATALOGUE if item.product_id == 7]
            assert shop.pop(7) == (seventh.stock, seventh.price_idr)
            assert set(shop.values()) == {(1, 2)}
            for table, number in ((stock_ledger, 1), (product_words, len(words_in(seventh)))):
                rows = select(func.count()).where(table.c.product_id == 7)
                assert connection.scalar(rows) == number, table.name

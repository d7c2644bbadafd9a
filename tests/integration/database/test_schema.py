"""Migrations on every database: what they make, what they keep, and what happens when they meet
others or are killed."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from contracts.orders import MAX_TOTAL_IDR
from database import schema
from database.catalogue import create_catalogue
from database.revision import current_revision, newest_revision
from database.schema import MigrationBusy, _config, upgrade
from database.tables import metadata, orders, products, stock_ledger
from servicekit.database.engine import transaction
from tests.integration.engines import opened

ROOT = Path(__file__).parents[3]


def test_the_migrations_make_what_the_code_declares(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    assert upgrade(engine) == newest_revision()


def test_an_older_database_keeps_its_orders_and_takes_totals_that_the_contract_allows(
    empty_url: str,
) -> None:
    """A total above the table's own maximum was accepted and could then not be stored."""
    with opened(empty_url) as engine:
        with engine.connect() as connection:
            command.upgrade(_config(connection), "0001")
            connection.commit()
        with pytest.raises(DBAPIError):
            store(engine, "too dear", 2 * 10**12)
        store(engine, "before", 5_000)
        assert upgrade(engine) == newest_revision()
        engine.dispose()
        store(engine, "dear", MAX_TOTAL_IDR)
        with pytest.raises(DBAPIError):
            store(engine, "negative", -1)
        with engine.connect() as connection:
            totals = connection.execute(select(orders.c.order_id, orders.c.total_idr))
            assert dict(totals.tuples().all()) == {"before": 5_000, "dear": MAX_TOTAL_IDR}
            if empty_url.startswith("sqlite"):
                assert connection.scalar(text("PRAGMA integrity_check")) == "ok"


def store(engine: Engine, order_id: str, total_idr: int) -> None:
    row: dict[str, Any] = dict.fromkeys(orders.columns.keys(), "x")
    row |= {"order_id": order_id, "status": "confirmed", "reason": None, "total_idr": total_idr}
    row |= dict.fromkeys(("accepted_at", "stored_at"), datetime(2026, 1, 1, tzinfo=UTC))
    with transaction(engine) as connection:
        connection.execute(insert(orders), row)


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
    with opened(url, read_only=True) as engine, engine.connect() as connection:
        assert current_revision(connection) == newest_revision()
        for table in (products, stock_ledger):
            number = connection.scalar(select(func.count()).select_from(table))
            assert number == len(create_catalogue())


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
    assert said == [[f"database is at revision {newest_revision()}"]] * 2


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
            monkeypatch.setattr(command, "upgrade", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                upgrade(engine)
        else:
            upgrade(engine)
        with other.connect() as looking:
            assert looking.scalar(text("SELECT IS_FREE_LOCK('arloji_migration')")) == 1

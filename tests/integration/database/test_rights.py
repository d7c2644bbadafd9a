"""The accounts of the stack on a real server: each may ask what it asks, and no more."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from database import rights
from database.revision import current_revision
from database.rights import TABLE_RIGHTS, create_accounts, grant_rights
from database.schema import upgrade
from database.seed import seed
from housekeeping.__main__ import main
from housekeeping.order_rows import find_purged, find_stored, list_stored
from servicekit.database.engine import is_unavailable
from services.consumer.orders import store_orders
from services.service_http.order_rows import find_order, list_orders
from services.service_http.product_rows import find_product, list_brands, list_products
from services.service_http.search import ProductQuery
from tests.integration.engines import opened
from tests.order_messages import make_order
from tests.servers import MySqlServer

ACCOUNTS = json.dumps({user: {"passwords": [user], "grants": []} for user in TABLE_RIGHTS})
# What a version that granted by whole schemas has left behind.
TOO_WIDE = (
    "GRANT SELECT ON arloji.* TO service_http",
    "GRANT INSERT, DELETE ON arloji.orders TO service_http",
    "GRANT UPDATE (slug) ON arloji.products TO service_http",
    "GRANT RELOAD ON *.* TO consumer",
)
CUSTOMER = ("customer_name", "customer_email", "customer_address")


@contextmanager
def connected(server: MySqlServer, user: str, password: str = "") -> Iterator[Connection]:
    """By default with the password that each user has at first: its name."""
    url = server.url("arloji", user, password or user)
    with opened(url) as engine, engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def administrator(mysql_server: MySqlServer) -> Iterator[Engine]:
    mysql_server.execute("CREATE DATABASE arloji")
    with opened(mysql_server.url("arloji")) as engine:
        upgrade(engine)
        seed(engine)
        create_accounts(engine, ACCOUNTS)
        with engine.begin() as connection:
            for statement in TOO_WIDE:
                connection.exec_driver_sql(statement)
        grant_rights(engine)
        yield engine
    mysql_server.execute("DROP DATABASE arloji", *(f"DROP USER {user}" for user in TABLE_RIGHTS))


def test_each_service_may_do_its_work(administrator: Engine, mysql_server: MySqlServer) -> None:
    with connected(mysql_server, "service_http") as connection:
        assert current_revision(connection)
        assert list_brands(connection).items
        assert list_products(connection, ProductQuery(q="a", max_price=10**9)).total
        assert find_product(connection, 1)
        assert find_order(connection, uuid4(), uuid4()) is None
        assert list_orders(connection, uuid4(), 10) == []
    with connected(mysql_server, "consumer") as connection:
        connection.execute(text("UPDATE products SET stock = stock WHERE product_id = 1"))
    with connected(mysql_server, "housekeeping") as connection:
        moment = datetime.now(UTC)
        assert find_stored(connection, ["x"]) == find_purged(connection, ["x"]) == set()
        assert list(list_stored(connection, since=moment, until=moment)) == []


def test_housekeeping_may_purge_what_the_consumer_stored(
    administrator: Engine,
    mysql_server: MySqlServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", mysql_server.url("arloji", "housekeeping", "housekeeping"))
    monkeypatch.setenv("ARCHIVE_DIRECTORY", str(tmp_path))
    again = make_order({1: 2})
    for _ in range(2):
        with opened(mysql_server.url("arloji", "consumer", "consumer")) as engine:
            store_orders(engine, [make_order({1: 1}), again])
        with administrator.begin() as connection:
            connection.execute(text("UPDATE orders SET stored_at = '2020-01-01'"))
        assert main(["purge-orders", "--json"]) == 0, capsys.readouterr()
    said = [json.loads(line)["orders"] for line in capsys.readouterr().out.splitlines()]
    # The second time the one that came again is known.
    assert said == [2, 1]


@pytest.mark.parametrize(
    ("user", "statement"),
    [
        *(
            (user, f"SELECT {what} FROM orders")
            for user in ("service_http", "housekeeping")
            for what in (*CUSTOMER, "*")
        ),
        ("service_http", "SELECT fingerprint FROM orders"),
        ("service_http", "UPDATE products SET stock = 0"),
        ("consumer", "UPDATE products SET price_idr = 1"),
        ("consumer", "UPDATE orders SET status = 'confirmed'"),
        ("consumer", "DELETE FROM purged_orders"),
        *(
            ("housekeeping", statement)
            for statement in (
                "SELECT guest_id FROM orders",
                "UPDATE orders SET status = 'confirmed'",
                "UPDATE stock_ledger SET `change` = 0",
                "INSERT INTO orders (order_id) VALUES ('x')",
                "SELECT fingerprint FROM purged_orders",
                "DELETE FROM purged_orders",
                "DELETE FROM products",
                "SELECT stock FROM products",
            )
        ),
    ],
)
def test_nobody_may_do_what_is_not_their_work(
    administrator: Engine, mysql_server: MySqlServer, user: str, statement: str
) -> None:
    with (
        connected(mysql_server, user) as connection,
        pytest.raises(DBAPIError, match="command denied") as refused,
    ):
        connection.execute(text(statement))
    # As before a grant has arrived: not now, rather than a fault of the request.
    assert is_unavailable(refused.value)


def rights_of(administrator: Engine) -> set[str]:
    with administrator.connect() as connection:
        return {
            line
            for user in TABLE_RIGHTS
            for line in connection.scalars(text(f"SHOW GRANTS FOR '{user}'@'%'"))
        }


def test_what_an_older_version_granted_is_taken_away_and_repeating_changes_nothing(
    administrator: Engine,
) -> None:
    given = rights_of(administrator)
    wide = ("`arloji`.*", "RELOAD", "slug")
    assert [line for line in given if any(word in line for word in wide)] == []
    assert [line for line in given if "DELETE" in line and "`housekeeping`" not in line] == []
    create_accounts(administrator, ACCOUNTS)
    grant_rights(administrator)
    assert rights_of(administrator) == given


def test_a_password_that_is_not_the_newest_is_replaced(
    administrator: Engine, mysql_server: MySqlServer
) -> None:
    account = {"passwords": ["newest"], "grants": []}
    create_accounts(administrator, json.dumps({"consumer": account}))
    with connected(mysql_server, "consumer", "newest"):
        pass
    denied = pytest.raises(OperationalError, match="Access denied")
    with denied, connected(mysql_server, "consumer"):
        pass
    create_accounts(administrator, ACCOUNTS)


@pytest.mark.parametrize("newest", ["another", "consumer"])
def test_the_password_before_the_newest_stays_valid_however_often_this_runs(
    administrator: Engine, monkeypatch: pytest.MonkeyPatch, newest: str
) -> None:
    """Only said, not done: the server of the tests may be a MariaDB, which keeps one password."""
    said: list[str] = []
    monkeypatch.setattr(rights, "_run", lambda _, statement: said.append(statement))
    account = {"passwords": [newest, "before"], "grants": ["PROCESS ON *.*"]}
    create_accounts(administrator, json.dumps({"consumer": account}))
    user, retained = "'consumer'@'%'", "RETAIN CURRENT PASSWORD"
    assert said == [
        f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY 'before'",
        *([f"ALTER USER {user} IDENTIFIED BY 'another' {retained}"] * (newest == "another")),
        f"GRANT PROCESS ON *.* TO {user}",
    ]

"""Real servers, shared by all tests of a run; each test finds them empty."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine, delete, func, select, update

from database.schema import upgrade
from database.seed import seed
from database.tables import (
    order_items,
    orders,
    products,
    purged_orders,
    stock_ledger,
)
from servicekit.database.engine import create_database_engine, transaction
from tests.servers import MySqlServer, RedisServer, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def queue_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that runs as the queue does in every way to run: AOF, always fsynced."""
    server = RedisServer(tmp_path_factory.mktemp("queue"), durable=True)
    with running(server):
        yield server


@pytest.fixture(scope="session")
def cache_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("cache"), durable=False)
    with running(server):
        yield server


@pytest.fixture
async def queue(queue_server: RedisServer) -> AsyncIterator[Redis]:
    """The queue, empty, for looking at it and for putting things there."""
    async with Redis.from_url(queue_server.url, protocol=2) as client:
        await client.flushall()
        yield client


@pytest.fixture
async def cache(cache_server: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(cache_server.url, protocol=2) as client:
        await client.flushall()
        yield client


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySqlServer]:
    server = MySqlServer(tmp_path_factory.mktemp("mysql"))
    with running(server):
        server.execute("CREATE DATABASE shop")
        yield server


@pytest.fixture(scope="session", params=["sqlite", "mysql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated and seeded database, once on SQLite and once on a MySQL or MariaDB server."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'shop.db'}"
    else:
        url = request.getfixturevalue("mysql_server").url("shop")
    engine = _open(url)
    upgrade(engine)
    seed(engine)
    engine.dispose()
    return url


@pytest.fixture
def database_url(migrated_url: str) -> str:
    """The same, with no order in it and every stock as seeded."""
    engine = _open(migrated_url)
    with transaction(engine) as connection:
        for table in (order_items, orders, purged_orders):
            connection.execute(delete(table))
        connection.execute(delete(stock_ledger).where(stock_ledger.c.reason != "seed"))
        seeded = (
            select(func.sum(stock_ledger.c.change))
            .where(stock_ledger.c.product_id == products.c.product_id)
            .scalar_subquery()
        )
        connection.execute(update(products).values(stock=seeded))
    engine.dispose()
    return migrated_url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """For looking at the database and for changing it behind a service's back."""
    engine = _open(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def mysql_url(mysql_server: MySqlServer) -> Iterator[str]:
    """A database without any table."""
    mysql_server.execute("CREATE DATABASE empty")
    yield mysql_server.url("empty")
    mysql_server.execute("DROP DATABASE empty")


@pytest.fixture(params=["sqlite", "mysql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("mysql_url")
    return url


def _open(url: str) -> Engine:
    return create_database_engine(url, read_only=False, connections=2, statement_seconds=10)

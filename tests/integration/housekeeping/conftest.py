"""The shop that housekeeping's tests work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine

from housekeeping.backups.places import open_store
from housekeeping.settings import HousekeepingSettings
from tests.integration.housekeeping.purging import Books
from tests.integration.housekeeping.s3_server import S3Server
from tests.integration.housekeeping.shop import Shop
from tests.servers import RedisServer


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def place(request: pytest.FixtureRequest) -> str:
    """Where backups go: `folder`, or `s3` for tests that are in BOTH_PLACES."""
    return getattr(request, "param", "folder")


@pytest.fixture
def kept_shop(
    request: pytest.FixtureRequest,
    place: str,
    queue_server: RedisServer,
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """With a few orders in its database and one in its queue; its backups go to a new place."""
    settings = {
        "DATABASE_URL": database_url,
        "QUEUE_REDIS_URL": queue_server.url,
        "AUDIT_DIRECTORY": tmp_path / "audit",
        "BACKUP_DIRECTORY": tmp_path / "backups",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    (tmp_path / "audit").mkdir()
    folder = tmp_path / "backups"
    if place == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        folder = server.settle(monkeypatch)
    with Redis.from_url(queue_server.url, protocol=2) as queue:
        queue.flushall()
        store = open_store(HousekeepingSettings())
        shop = Shop(engine, queue, store, folder, tmp_path / "audit", capsys)
        for quantity in (1, 2, 3):
            shop.order(quantity)
        queue.xadd("orders", {"schema": "1", "order": "{}"})
        yield shop


@pytest.fixture
def books(
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Books:
    archive = tmp_path / "archive"
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ARCHIVE_DIRECTORY", str(archive))
    return Books(engine, archive, capsys)

"""Restoring brings back what was backed up, all of it or nothing, and guards what is there."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import make_url, text

from housekeeping.backups import targets
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.manifest import Kind, seal
from housekeeping.backups.order_counts import find_contradictions
from tests.integration.housekeeping.shop import AWKWARD, BOTH_PLACES, Shop
from tests.integration.housekeeping.test_backup import flip
from tests.servers import RedisServer, running


@pytest.fixture(autouse=True)
def _no_schema_is_left(kept_shop: Shop) -> Any:
    """What restores put aside on the server that all tests share."""
    yield
    if kept_shop.engine.dialect.name == "sqlite":
        return
    with kept_shop.engine.connect() as connection:
        for schema in connection.scalars(text("SHOW DATABASES LIKE 'shop\\_%'")).all():
            connection.execute(text(f"DROP DATABASE `{schema}`"))


def names(shop: Shop) -> set[str]:
    with shop.engine.connect() as connection:
        return set(connection.scalars(text("SELECT customer_name FROM orders")))


@BOTH_PLACES
def test_a_restore_brings_every_row_back_and_keeps_what_was_there(kept_shop: Shop) -> None:
    backup = kept_shop.backup()
    kept_shop.order()
    complaint = kept_shop.run("restore", code=2)
    assert "4 orders" in complaint
    assert "--replace" in complaint
    assert kept_shop.orders() == 4
    said = kept_shop.run("restore", "--replace")
    assert said["name"] == backup.name
    assert kept_shop.orders() == 3
    assert names(kept_shop) == {AWKWARD}
    assert find_contradictions(str(kept_shop.engine.url.render_as_string(False))) == []
    assert content_of(kept_shop, said["previous"]).orders == 4
    # What was restored is what was backed up, also by the next backup's own count.
    again = kept_shop.backup()
    assert again.manifest is not None
    assert backup.manifest is not None
    assert again.manifest.tables == backup.manifest.tables


def content_of(shop: Shop, previous: str) -> Any:
    url = shop.engine.url.set(database=previous.removeprefix("schema "))
    return targets.read_content(url.render_as_string(hide_password=False))


def test_an_empty_target_needs_no_flag(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """None at all, and a shop as it is after its first start."""
    from database.schema import upgrade
    from database.seed import seed
    from tests.integration.engines import opened

    kept_shop.backup()
    url = make_url(kept_shop.engine.url)
    database = str(tmp_path / "new.db") if url.get_backend_name() == "sqlite" else "shop_new"
    target = url.set(database=database).render_as_string(hide_password=False)
    monkeypatch.setenv("RESTORE_DATABASE_URL", target)
    assert kept_shop.run("restore")["previous"] is None
    assert targets.read_content(target).orders == 3
    kept_shop.run("restore", code=2)
    with opened(target) as engine, engine.begin() as connection:
        for table in ("order_items", "stock_ledger", "orders", "product_words", "products"):
            connection.execute(text(f"DELETE FROM {table}"))
    with opened(target) as engine:
        upgrade(engine)
        seed(engine)
    kept_shop.run("restore")
    assert targets.read_content(target).orders == 3


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(kept_shop: Shop) -> None:
    kept_shop.backup()
    kept_shop.order()
    kept_shop.queue.set("idem:guest:key", "x")
    said = kept_shop.run("restore", "--replace", "--dry-run")
    assert "3 orders" in said["would"][0]
    assert "4 orders" in said["would"][1]
    assert kept_shop.orders() == 4
    assert kept_shop.queue.exists("idem:guest:key")


@BOTH_PLACES
def test_a_damaged_backup_is_never_chosen(kept_shop: Shop) -> None:
    good = kept_shop.backup()
    kept_shop.order()
    bad = kept_shop.backup()
    assert bad.manifest is not None
    flip(kept_shop.path(bad) / bad.manifest.database.name)
    assert bad.is_good  # until somebody looks
    complaint = kept_shop.run("restore", bad.name, "--replace", code=2)
    assert "no backup" in complaint
    assert kept_shop.run("restore", "--replace")["name"] == good.name
    assert kept_shop.orders() == 3
    flip(kept_shop.path(good) / "manifest.json")
    assert "good" in kept_shop.run("restore", "--replace", code=2)
    assert kept_shop.orders() == 3


def test_what_was_loaded_is_compared_before_it_is_put_in_place(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_shop.backup()
    kept_shop.order()
    for kind in (targets.SqliteTarget, targets.MySqlTarget):
        fill = kind.fill

        def lose(self: Any, content: Any, fill: Any = fill) -> Any:
            tables, revision = fill(self, content)
            return {**tables, "orders": tables["order_items"]}, revision

        monkeypatch.setattr(kind, "fill", lose)
    assert "nothing changed" in kept_shop.run("restore", "--replace", code=2)
    assert kept_shop.orders() == 4


def test_a_consumer_at_work_stops_the_restore(kept_shop: Shop) -> None:
    kept_shop.backup()
    kept_shop.queue.xgroup_create("orders", "consumers", "0", mkstream=True)
    kept_shop.queue.xreadgroup("consumers", "one", {"orders": ">"}, count=1)
    assert "a consumer is storing" in kept_shop.run("restore", "--replace", code=2)


def test_keys_of_recent_orders_are_cleared_and_nothing_else(kept_shop: Shop) -> None:
    kept_shop.backup()
    for number in range(1234):
        kept_shop.queue.set(f"idem:guest:{number}", "x")
    kept_shop.queue.hset("pending:guest", "order", "x")
    assert kept_shop.run("restore", "--replace")["keys_cleared"] == 1234
    assert set(kept_shop.queue.keys()) == {b"orders", b"pending:guest"}
    kept_shop.queue.set("idem:guest:1", "x")
    assert kept_shop.run("restore", "--clear-keys")["keys_cleared"] == 1


def test_keys_that_cannot_be_cleared_are_said(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_shop.backup()
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://127.0.0.1:1/0")
    assert kept_shop.run("restore", "--replace", code=1)["keys_cleared"] is None


def test_a_backup_of_another_kind_or_of_a_newer_version_is_refused(kept_shop: Shop) -> None:
    backup = kept_shop.backup()
    assert backup.manifest is not None
    kinds = {Kind.SQLITE: Kind.MARIADB, Kind.MARIADB: Kind.SQLITE}
    for change, complaint in (
        ({"schema_revision": "9999"}, "9999"),
        ({"kind": kinds[backup.manifest.kind]}, "the target is"),
    ):
        claimed = backup.manifest.model_copy(update=change)
        (kept_shop.path(backup) / "manifest.json").write_text(seal(claimed))
        with pytest.MonkeyPatch.context() as patch:
            # What is not what it says it is would be refused as damaged before.
            patch.setattr("housekeeping.backups.selection.verify_and_note", lambda *_: [])
            assert complaint in kept_shop.run("restore", "--replace", code=2)


def test_a_damaged_database_is_put_aside(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if kept_shop.engine.dialect.name != "sqlite":
        return
    kept_shop.backup()
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database at all" * 1000)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{broken}")
    assert "cannot be read" in kept_shop.run("restore", code=2)
    said = kept_shop.run("restore", "--replace")
    assert targets.read_content(f"sqlite:///{broken}").orders == 3
    assert Path(said["previous"]).read_bytes().startswith(b"not a database")


def test_the_queues_copy_is_written_as_a_redis_starts_from_it(
    kept_shop: Shop, tmp_path: Path
) -> None:
    kept_shop.backup()
    place = tmp_path / "queue"
    kept_shop.run("restore", "--queue-to", str(place))
    with (
        running(server := RedisServer(place, durable=True)),
        Redis.from_url(server.url, protocol=2) as client,
    ):
        assert client.xrange("orders") == kept_shop.queue.xrange("orders")
    assert "not empty" in kept_shop.run("restore", "--queue-to", str(place), code=2)


def test_without_the_private_key_an_encrypted_backup_is_not_restored() -> None:
    assert Decryption("").can_read("none")
    assert not Decryption("").can_read("age")

"""With binary logs a restore goes on from its backup to a later moment, or is refused."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from bootstrap.credentials import DATABASE_USERS
from database.schema import upgrade
from database.seed import seed
from housekeeping.backups.binary_logs.entries import LogManifest
from housekeeping.backups.binary_logs.server import list_logs
from housekeeping.backups.manifest import seal, unseal
from housekeeping.backups.mysql import find_server
from housekeeping.backups.targets import read_content
from tests.disks import small_disk
from tests.integration.engines import opened
from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.integration.housekeeping.test_backup import flip
from tests.servers import MySqlServer, find_program, running
from tests.waiting import eventually


@pytest.fixture(scope="module")
def logging_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MySqlServer]:
    options = ("--log-bin=binlog", "--server-id=1", "--binlog-format=ROW")
    with running(server := MySqlServer(tmp_path_factory.mktemp("logging"), options)):
        server.execute("CREATE DATABASE shop")
        yield server


@pytest.fixture(scope="module")
def migrated_url(logging_server: MySqlServer) -> str:
    url = logging_server.url("shop")
    with opened(url) as engine:
        upgrade(engine)
        seed(engine)
    return url


@pytest.fixture
def target(mysql_server: MySqlServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another server, by an account with the rights of the one that restores, and for the while
    with that to apply logs."""
    rights = [one.replace("arloji", "rescued") for one in DATABASE_USERS["migrate"]]
    mysql_server.execute(
        "CREATE USER rescuer IDENTIFIED BY ''",
        *(f"GRANT {one} TO rescuer" for one in (*rights, "BINLOG REPLAY ON *.*")),
    )
    url = mysql_server.url("rescued", "rescuer")
    monkeypatch.setenv("RESTORE_DATABASE_URL", url)
    yield url
    mysql_server.execute("DROP USER rescuer", "DROP DATABASE IF EXISTS rescued")
    mysql_server.execute("DROP DATABASE IF EXISTS rescued_restoring")


@pytest.fixture(autouse=True)
def _account_of_backups(logging_server: MySqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    (all_tables,) = [one for one in DATABASE_USERS["backup"] if one.endswith("*.*")]
    # What MariaDB has no likeness of is not for logs.
    for right in ("FLUSH_TABLES, ", ", SHOW_ROUTINE"):
        all_tables = all_tables.replace(right, "")
    logging_server.execute(
        "CREATE OR REPLACE USER keeper IDENTIFIED BY ''",
        "GRANT SELECT, TRIGGER, EVENT ON shop.* TO keeper",
        "GRANT SELECT ON mysql.proc TO keeper",
        f"GRANT {all_tables} TO keeper",
    )
    monkeypatch.setenv("BACKUP_DATABASE_URL", logging_server.url("shop", "keeper"))


def moment() -> str:
    """After all that happened, and before all that will, in the whole seconds of a log."""
    now = datetime.now(UTC).replace(microsecond=0)
    eventually(lambda: datetime.now(UTC).replace(microsecond=0) > now)
    found = datetime.now(UTC).replace(microsecond=0)
    eventually(lambda: datetime.now(UTC).replace(microsecond=0) > found)
    return found.isoformat()


def orders(url: str) -> Any:
    return read_content(url).orders


@BOTH_PLACES
def test_orders_after_the_backup_come_back_until_a_moment(
    kept_shop: Shop, target: str, logging_server: MySqlServer
) -> None:
    kept_shop.backup()
    kept_shop.order()
    logging_server.execute("FLUSH BINARY LOGS")
    kept_shop.order()
    # Of no concern to the shop.
    logging_server.execute(
        "CREATE OR REPLACE DATABASE others",
        "CREATE TABLE others.orders (order_id INT PRIMARY KEY)",
        "INSERT INTO others.orders VALUES (1)",
        # Beside the shop's tables, while its schema is in use.
        *("USE shop", "CREATE OR REPLACE USER stranger", "GRANT SELECT ON shop.* TO stranger"),
        *("/* by hand */ REVOKE SELECT ON shop.* FROM stranger", "DROP USER stranger"),
        "CREATE TABLE others.more (number INT PRIMARY KEY)",
        "ALTER DATABASE shop COMMENT 'shop.orders'",
        "ALTER TABLE orders COMMENT 'of shop.example.com'",
    )
    kept_shop.run("archive-logs")
    until = moment()
    kept_shop.order()
    assert "reach until" in kept_shop.run("restore", "--until", until, code=2)
    kept_shop.run("archive-logs")
    # The same log, which had grown; then one in which there is nothing new.
    assert kept_shop.run("archive-logs")["logs"] == []
    for wanted, expected in ((until, 5), ("latest", 6)):
        kept_shop.run("restore", "--until", wanted, "--replace")
        assert orders(target) == expected
    kept_shop.run("restore", "--replace")
    assert orders(target) == 3
    found = [one["name"][17:] for one in kept_shop.run("verify", "--all")["backups"]]
    assert sorted(found) == ["binlog"] * 3 + ["mariadb"]
    assert kept_shop.run("status")["newest"]["name"].endswith("mariadb")


def test_a_statement_that_would_be_done_to_the_database_in_use_is_refused(
    kept_shop: Shop, target: str, logging_server: MySqlServer
) -> None:
    kept_shop.backup()
    kept_shop.order()
    until = moment()
    logging_server.execute("USE shop", "ALTER TABLE `shop`.`orders` COMMENT 'named'")
    kept_shop.run("archive-logs")
    said = kept_shop.run("restore", "--until", "latest", code=2)
    assert "ALTER TABLE `shop`.`orders`" in said
    found = datetime.fromisoformat(said.rpartition("--until ")[2])
    assert found >= datetime.fromisoformat(until)
    kept_shop.run("restore", "--until", found.isoformat())
    assert orders(target) == 4


def test_a_backup_from_after_the_moment_is_passed_over(
    kept_shop: Shop, target: str, logging_server: MySqlServer
) -> None:
    first = kept_shop.backup()
    kept_shop.order()
    until = moment()
    (position,) = positions(logging_server)
    kept_shop.order()
    kept_shop.backup()
    kept_shop.run("archive-logs")
    for wanted in (until, position):
        said = kept_shop.run("restore", "--until", wanted, "--replace")
        assert said["name"] == first.name
        assert orders(target) == 4
    early = first.manifest.started_at.replace(year=2020) if first.manifest else None
    assert "no backup" in kept_shop.run("restore", "--until", str(early), code=2)


def positions(server: MySqlServer) -> Iterator[str]:
    import pymysql

    with pymysql.connect(host="127.0.0.1", port=server.port, user="root") as connection:
        cursor = connection.cursor()
        cursor.execute("SHOW MASTER STATUS")
        for row in cursor.fetchall():
            yield f"{row[0]}:{row[1]}"


def purged(server: MySqlServer) -> bool:
    """Whether only the log in use is there: one that is being read stays for a while."""
    (position,) = positions(server)
    server.execute(f"PURGE BINARY LOGS TO '{position.partition(':')[0]}'")
    return len(list_logs(find_server(make_url(server.url("shop"))))) == 1


@BOTH_PLACES
def test_copies_that_a_clock_ahead_has_made_are_gone_on_from(kept_shop: Shop, target: str) -> None:
    kept_shop.backup()
    kept_shop.order()
    said = kept_shop.run("archive-logs")
    (copy,) = copies(kept_shop)
    ahead = f"2091{copy.name[4:]}"
    manifest = copy / "manifest.json"
    claimed = unseal(manifest.read_bytes(), LogManifest)
    then = claimed.taken_at.replace(year=2091)
    manifest.write_text(seal(claimed.model_copy(update={"name": ahead, "taken_at": then})))
    copy.rename(copy.with_name(ahead))
    kept_shop.order()
    assert kept_shop.run("archive-logs")["series"] == said["series"]
    kept_shop.run("restore", "--until", "latest", "--replace")
    assert orders(target) == 5


def copies(shop: Shop) -> list[Path]:
    return sorted(path for path in shop.folder.iterdir() if path.name.endswith("binlog"))


def test_a_gap_is_refused(kept_shop: Shop, target: str, logging_server: MySqlServer) -> None:
    kept_shop.backup()
    for _ in range(3):
        kept_shop.order()
        kept_shop.run("archive-logs")
        logging_server.execute("FLUSH BINARY LOGS")
    kept_shop.run("restore", "--until", "latest")
    assert orders(target) == 6
    # The run that had the end of the first log is lost.
    shutil.move(copies(kept_shop)[1], kept_shop.folder.parent / "lost")
    said = kept_shop.run("restore", "--until", "latest", "--replace", code=2)
    assert "missing or not whole" in said
    assert orders(target) == 6


def test_logs_that_the_server_removed_before_they_were_copied_end_a_series(
    kept_shop: Shop, target: str, logging_server: MySqlServer
) -> None:
    kept_shop.backup()
    kept_shop.order()
    series = kept_shop.run("archive-logs")["series"]
    kept_shop.order()
    logging_server.execute("FLUSH BINARY LOGS")
    eventually(lambda: purged(logging_server))
    kept_shop.order()
    assert kept_shop.run("archive-logs")["series"] != series
    assert "reach until" in kept_shop.run("restore", "--until", moment(), code=2)
    kept_shop.run("restore", "--until", "latest")
    assert orders(target) == 4


def test_a_log_of_the_same_name_from_another_server_is_not_taken_for_the_same(
    kept_shop: Shop, target: str, logging_server: MySqlServer
) -> None:
    logging_server.execute("RESET MASTER")
    kept_shop.backup()
    kept_shop.order()
    series = kept_shop.run("archive-logs")["series"]
    moment()
    # As a new one begins: with its first log, which grows longer than the old one was.
    logging_server.execute("RESET MASTER")
    for _ in range(3):
        kept_shop.order()
    said = kept_shop.run("archive-logs")
    assert (said["logs"], said["series"] == series) == (["binlog.000001"], False)
    kept_shop.run("restore", "--until", "latest")
    assert orders(target) == 4


def test_a_disk_without_room_for_the_logs_keeps_the_copies_that_are_there(
    kept_shop: Shop, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", 8) as disk:
        monkeypatch.setenv("BACKUP_DIRECTORY", str(disk.path / "backups"))
        for command in ("backup", "archive-logs"):
            kept_shop.run(command)
        kept_shop.order()
        disk.fill(leaving=16 << 10)
        assert "left and about" in kept_shop.run("archive-logs", code=2)
        disk.free()
        kept_shop.run("archive-logs")
        kept_shop.run("restore", "--until", "latest")
        assert orders(target) == 4
        subprocess.run(["mount", "--options", "remount,ro", str(disk.path)], check=True)
        assert "which is read-only" in kept_shop.run("verify", code=2)


def test_no_backup_goes_on_across_a_restore(kept_shop: Shop) -> None:
    first = kept_shop.backup()
    kept_shop.order()
    kept_shop.run("archive-logs")
    kept_shop.run("restore", "--replace")
    kept_shop.order()
    kept_shop.order()
    kept_shop.run("archive-logs")
    kept_shop.run("restore", "--until", "latest", "--replace")
    # As it was before the restore.
    assert kept_shop.orders() == 4
    kept_shop.run("archive-logs")
    second = kept_shop.backup()
    kept_shop.order()
    kept_shop.run("archive-logs")
    for backup, expected in ((first, 4), (second, 5)):
        kept_shop.run("restore", backup.name, "--until", "latest", "--replace")
        assert kept_shop.orders() == expected


def test_an_account_that_may_not_apply_logs_is_told_before_anything_is_loaded(
    kept_shop: Shop, target: str, mysql_server: MySqlServer
) -> None:
    kept_shop.backup()
    kept_shop.run("archive-logs")
    mysql_server.execute("REVOKE BINLOG REPLAY ON *.* FROM rescuer")
    assert "GRANT BINLOG REPLAY" in kept_shop.run("restore", "--until", "latest", code=2)
    kept_shop.run("restore")


def test_a_damaged_copy_is_found_and_not_used(
    kept_shop: Shop, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_shop.backup()
    kept_shop.order()
    kept_shop.run("archive-logs")
    (copy,) = copies(kept_shop)
    flip(next(copy.glob("binlog.*")))
    assert "is damaged" in kept_shop.run("restore", "--until", "latest", code=2)
    damaged = [one for one in kept_shop.run("verify", "--all", code=1)["backups"] if one["faults"]]
    assert [one["name"] for one in damaged] == [copy.name]


def test_copies_of_logs_are_encrypted_as_backups_are_and_go_with_them(
    kept_shop: Shop, target: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = subprocess.run([find_program("age-keygen")], capture_output=True, check=True, text=True)
    (line,) = [one for one in made.stdout.splitlines() if "public key: " in one]
    monkeypatch.setenv("BACKUP_RECIPIENT", line.partition("public key: ")[2])
    kept_shop.backup()
    kept_shop.order()
    kept_shop.run("archive-logs")
    (copy,) = copies(kept_shop)
    assert all(b"sari@example.com" not in path.read_bytes() for path in copy.iterdir())
    assert "BACKUP_IDENTITY_FILE" in kept_shop.run("restore", "--until", "latest", code=2)
    monkeypatch.setenv("BACKUP_IDENTITY", made.stdout)
    kept_shop.run("restore", "--until", "latest")
    assert orders(target) == 4
    old = copy.rename(kept_shop.folder / copy.name.replace("2026", "2025"))
    removed = kept_shop.run("purge-backups", "--dry-run")["removed"]
    assert removed == [old.name]
    kept_shop.run("purge-backups")
    assert copies(kept_shop) == []

"""Backups are whole, agree with what they say of themselves, and are never half there."""

import errno
import itertools
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import func, select

from database.revision import newest_revision
from database.tables import metadata
from housekeeping.backups import create
from housekeeping.backups.encryption import Decryption
from housekeeping.backups.folder import FolderStore
from housekeeping.backups.manifest import Manifest, seal
from housekeeping.backups.store import list_backups
from housekeeping.backups.streams import opened
from tests.disks import small_disk
from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.servers import RedisServer, running

NOBODY = Decryption("")


def manifest_of(shop: Shop) -> Manifest:
    manifest = shop.backups()[-1].manifest
    assert manifest is not None
    return manifest


def test_a_backup_counts_what_the_database_holds(kept_shop: Shop) -> None:
    said = kept_shop.run("backup")
    manifest = manifest_of(kept_shop)
    assert (said["faults"], said["queue_missing"]) == ([], None)
    with kept_shop.engine.connect() as connection:
        rows = {
            table.name: connection.scalar(select(func.count()).select_from(table))
            for table in metadata.sorted_tables
        }
    found = {name: facts.rows for name, facts in manifest.tables.items()}
    assert found == {**rows, "alembic_version": 1}
    assert said["rows"] == sum(found.values())
    assert manifest.schema_revision == newest_revision()
    assert manifest.queue is not None
    assert manifest.queue.entries == 1
    assert oct(kept_shop.folder.stat().st_mode)[-3:] == "700"


def test_a_good_backup_is_verified_at_once_and_again(kept_shop: Shop) -> None:
    backup = kept_shop.backup()
    assert backup.is_good
    (found,) = kept_shop.run("verify")["backups"]
    assert (found["name"], found["level"], found["faults"]) == (backup.name, "contents", [])


@pytest.mark.timeout(180)
def test_counts_agree_while_orders_are_stored(kept_shop: Shop) -> None:
    """Verifying counts anew from the content: a count taken beside the snapshot would differ."""
    stop, stored = threading.Event(), []

    def sell() -> None:
        while not stop.is_set():
            stored.append(kept_shop.order())

    seller = threading.Thread(target=sell)
    seller.start()
    try:
        backups = [kept_shop.backup() for _ in range(3)]
    finally:
        stop.set()
        seller.join()
    assert all(backup.is_good for backup in backups)
    counts = [backup.manifest.tables for backup in backups if backup.manifest]
    for tables in counts:
        assert tables["orders"].rows == tables["order_items"].rows
    assert counts[0]["orders"].rows <= counts[-1]["orders"].rows <= kept_shop.orders()
    assert len(stored) > 3


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = list(itertools.product(["database", "queue", "manifest"], [cut, flip, Path.unlink]))


@pytest.mark.parametrize(
    ("place", "name", "damage"),
    [
        *(("folder", *damage) for damage in DAMAGES),
        # The same code looks; without its manifest it would be no backup.
        *[("s3", "database", flip), ("s3", "queue", Path.unlink), ("s3", "manifest", cut)],
    ],
    indirect=["place"],
)
def test_damage_is_found_whatever_file_it_is_in(
    kept_shop: Shop, name: str, damage: Callable[[Path], None]
) -> None:
    older, backup = kept_shop.backup(), kept_shop.backup()
    assert backup.manifest is not None
    assert backup.manifest.queue is not None
    files = {
        "database": backup.manifest.database.name,
        "queue": backup.manifest.queue.file.name,
        "manifest": "manifest.json",
    }
    damage(kept_shop.path(backup) / files[name])
    (found,) = kept_shop.run("verify", code=1)["backups"]
    assert found["faults"]
    assert not kept_shop.backups()[-1].is_good
    status = kept_shop.run("status", code=1)
    assert status["newest"]["state"] == "damaged"
    assert status["newest_verified"]["name"] == older.name


@BOTH_PLACES
def test_content_that_is_not_what_was_counted_is_found(kept_shop: Shop) -> None:
    """As by a tool that left rows out: every checksum fits, and the numbers do not."""
    backup = kept_shop.backup()
    manifest = backup.manifest
    assert manifest is not None
    facts = manifest.tables["orders"]
    for wrong, complaint in (
        (facts.model_copy(update={"rows": 4}), "orders has 3 rows instead of 4"),
        (facts.model_copy(update={"digest": "0"}), "orders has other content in its 3 rows"),
    ):
        tables = {**manifest.tables, "orders": wrong}
        claimed = manifest.model_copy(update={"tables": tables})
        (kept_shop.path(backup) / "manifest.json").write_text(seal(claimed))
        (found,) = kept_shop.run("verify", code=1)["backups"]
        assert found["faults"] == [complaint]


def test_a_queue_that_is_away_costs_only_its_copy(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://127.0.0.1:1/0")
    said = kept_shop.run("backup", code=1)
    assert "127.0.0.1:1" in said["queue_missing"]
    assert kept_shop.backups()[-1].is_good
    kept_shop.run("backup", "--without-queue")


def test_the_copy_of_the_queue_starts_a_server_with_the_same_orders(
    kept_shop: Shop, tmp_path: Path
) -> None:
    for number in range(100):
        kept_shop.queue.xadd("orders", {"order": "x" * 1000 + str(number)})
        kept_shop.queue.hset("pending:guest", str(number), "waits")
    backup = kept_shop.backup()
    assert backup.manifest is not None
    assert backup.manifest.queue is not None
    place = tmp_path / "queue"
    place.mkdir()
    with opened(kept_shop.path(backup), backup.manifest.queue.file, NOBODY) as content:
        (place / "appendonly.aof").write_bytes(b"".join(content))
    with (
        running(server := RedisServer(place, durable=True)),
        Redis.from_url(server.url, protocol=2) as client,
    ):
        assert client.xrange("orders") == kept_shop.queue.xrange("orders")
        assert client.hgetall("pending:guest") == kept_shop.queue.hgetall("pending:guest")


def test_the_queue_is_copied_with_the_rights_of_the_contract(
    kept_shop: Shop, queue_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bootstrap.credentials import QUEUE_USERS

    rights = QUEUE_USERS["housekeeping"].split()
    kept_shop.queue.acl_setuser(
        "keeper",
        enabled=True,
        passwords=["+secret"],
        keys=[one[1:] for one in rights if one[0] == "~"],
        commands=[*[one for one in rights if one[0] == "+"], "+client|setname", "+ping"],
    )
    url = f"redis://keeper:secret@127.0.0.1:{queue_server.port}/0"
    monkeypatch.setenv("QUEUE_REDIS_URL", url)
    assert kept_shop.run("backup")["queue_missing"] is None
    kept_shop.queue.acl_deluser("keeper")


def test_a_database_that_is_away_is_one_sentence_and_leaves_nothing(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept_shop.backup()
    for url in ("mysql+pymysql://u:p@127.0.0.1:1/shop", f"sqlite:///{tmp_path}/none.db"):
        monkeypatch.setenv("DATABASE_URL", url)
        complaint = kept_shop.run("backup", code=2)
        assert complaint.startswith("backup failed: ")
        assert len(complaint.splitlines()) == 1
    assert len(kept_shop.backups()) == 1
    assert list(kept_shop.folder.glob(".unfinished-*")) == []


def test_an_empty_database_is_not_taken_for_the_shops(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.db").touch()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/empty.db")
    assert "is this the right one" in kept_shop.run("backup", code=2)
    assert kept_shop.backups() == []


def test_an_error_in_the_middle_leaves_the_backups_there_were(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kept_shop.backup()

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for place, step in ((FolderStore, "finish"), (create, "store")):
        with monkeypatch.context() as patch:
            patch.setattr(place, step, fill)
            assert "the disk is full" in kept_shop.run("backup", code=2)
    assert [backup.name for backup in kept_shop.backups()] == [first.name]
    assert list(kept_shop.folder.glob(".unfinished-*")) == []


def test_a_full_disk_is_said_and_costs_no_backup_that_was_there(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    with small_disk(tmp_path / "small", 8) as disk:
        place = disk.path / "backups"
        monkeypatch.setenv("BACKUP_DIRECTORY", str(place))
        kept_shop.run("backup")
        before = list_backups(FolderStore(place))
        disk.fill(leaving=16 << 10)
        assert "left and about" in kept_shop.run("backup", code=2)
        monkeypatch.setattr(create, "_require_room", lambda _: None)
        assert "the disk is full" in kept_shop.run("backup", code=2)
        disk.free()
        assert [one.name for one in list_backups(FolderStore(place))] == [
            one.name for one in before
        ]
        kept_shop.run("backup")
        assert len(list_backups(FolderStore(place))) == 2


def test_two_at_once_are_refused_and_the_one_at_work_is_named(kept_shop: Shop) -> None:
    kept_shop.backup()
    with folder_locked(kept_shop):
        complaint = kept_shop.run("backup", code=2)
    assert f"`other` (process {os.getpid()} on " in complaint
    kept_shop.run("backup")


def folder_locked(shop: Shop):  # type: ignore[no-untyped-def]
    from housekeeping.lock import locked

    return locked(shop.folder, "writing", "other")


@BOTH_PLACES
def test_a_clock_that_is_set_back_does_not_make_an_old_backup_the_newest(
    kept_shop: Shop,
) -> None:
    first = kept_shop.backup()
    assert first.manifest is not None
    ahead = kept_shop.folder / f"2091{first.name[4:]}"
    then = first.manifest.snapshot_at.replace(year=2091)
    claimed = first.manifest.model_copy(update={"name": ahead.name, "snapshot_at": then})
    (kept_shop.path(first) / "manifest.json").write_text(seal(claimed))
    kept_shop.path(first).rename(ahead)
    assert "is the clock right" in kept_shop.run("status", code=1)["complaints"][0]
    second = kept_shop.backup()
    assert kept_shop.run("status")["newest"]["name"] == second.name


def test_a_password_is_on_no_command_line_and_in_no_output(
    kept_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect = kept_shop.engine.dialect.name
    if dialect == "sqlite":
        return
    from housekeeping.backups import mysql

    commands: list[str] = []
    popen = mysql.subprocess.Popen

    def watch(command: list[str], **options: object):  # type: ignore[no-untyped-def]
        commands.extend(command)
        return popen(command, **options)  # type: ignore[call-overload]

    secret = "a#b\"c\\d'e f"
    with kept_shop.engine.connect() as connection:
        connection.exec_driver_sql("CREATE OR REPLACE USER keeper IDENTIFIED BY %s", (secret,))
        connection.exec_driver_sql("GRANT ALL ON shop.* TO keeper")
    url = kept_shop.engine.url.set(username="keeper", password=secret)
    monkeypatch.setenv("BACKUP_DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setattr(mysql.subprocess, "Popen", watch)
    said = json.dumps(kept_shop.run("backup"))
    assert commands
    assert secret not in " ".join(commands)
    assert secret not in said

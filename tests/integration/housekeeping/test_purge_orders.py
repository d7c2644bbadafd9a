"""Purging orders: only old ones that have ended, with everything that counts kept."""

import asyncio
import errno
import json
import os
import threading
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import event

from contracts.audit import AuditLine
from contracts.orders import OrderMessage, OrderStatus
from database.tables import purged_orders
from housekeeping.__main__ import main
from housekeeping.lock import locked
from housekeeping.purge_orders import archive, command
from services.consumer.orders import Known, store_order, store_orders
from tests.integration.engines import opened
from tests.integration.housekeeping.purging import LONG_AGO, Books
from tests.order_messages import CUSTOMER, make_order
from tests.servers import RedisServer


def test_old_orders_move_to_the_archive_and_young_ones_stay(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(command, "record_purged", measured.append)
    old = books.store(7)
    books.store(4, old=False)
    result = books.result()
    assert (result["orders"], result["dry_run"]) == (7, False)
    assert measured == [7]
    assert books.ids(purged_orders) == {str(message.order_id) for message in old}
    books.assert_each_old_order_is_either_stored_or_archived()
    (path,) = map(Path, result["archives"])
    assert path.name.startswith("orders-")
    assert path.stat().st_size == result["bytes"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert books.result()["archives"] == []
    assert list(books.archive.glob("*orders-*")) == [path]


def test_the_archive_has_what_was_sold_and_nothing_of_who_bought_it(books: Books) -> None:
    sold, _, refused = books.store(3)
    books.purge()
    rows = {(row["order_id"], row["product_id"]): row for row in books.archived()}
    row = rows[str(sold.order_id), "9"]
    assert (row["status"], row["quantity"], row["stock_change"]) == ("confirmed", "1", "-1")
    assert datetime.fromisoformat(row["stored_at"]) == LONG_AGO
    assert int(row["total_idr"]) > int(row["unit_price_idr"]) > 0
    (line,) = (row for key, row in rows.items() if key[0] == str(refused.order_id))
    assert (line["status"], line["reason"]) == ("rejected", "unknown_product")
    assert line["unit_price_idr"] == line["stock_change"] == line["total_idr"] == ""
    text = json.dumps(books.archived())
    assert [word for word in (*CUSTOMER.values(), str(sold.guest_id)) if word in text] == []


def test_the_ledger_keeps_one_closing_row_for_each_product(books: Books) -> None:
    for _ in range(2):
        books.store(6)
        books.purge("--batch", "2")
        books.assert_each_old_order_is_either_stored_or_archived()
    closing = books.closing_rows()
    assert {row.order_id for row in closing} == {None}
    # Of six orders two are refused; the others have two pieces of 1, 2, 4, 5 and one of 9 each.
    assert {row.product_id: row.change for row in closing} == {1: -4, 2: -4, 4: -4, 5: -4, 9: -8}
    assert len(closing) == 5


def test_a_dry_run_counts_and_changes_nothing(books: Books) -> None:
    books.store(6)
    result = books.result("--dry-run")
    assert (result["orders"], result["confirmed"], result["rejected"]) == (6, 4, 2)
    assert "6 orders" in books.purge("--dry-run")
    assert not books.archive.exists()
    assert books.ids(purged_orders) == set()
    assert books.result("--dry-run", "--months", "40")["orders"] == 0


def test_an_old_key_never_orders_again(books: Books) -> None:
    confirmed, *_ = books.store(1)
    books.purge()
    outcome = store_order(books.engine, confirmed)
    assert (outcome.known, outcome.status) == (Known.DUPLICATE, OrderStatus.CONFIRMED)
    other = confirmed.model_copy(update={"fingerprint": "0" * 64})
    assert store_order(books.engine, other).known is Known.KEY_REUSE
    books.assert_each_old_order_is_either_stored_or_archived()


@pytest.mark.parametrize("migrated_url", ["mysql"], indirect=True)
def test_an_order_that_is_purged_between_two_looks_of_the_consumer_is_not_new(
    books: Books, database_url: str
) -> None:
    """Each of its statements sees its own moment. (SQLite lets nobody write meanwhile.)"""
    (order,) = books.store(1)
    with opened(database_url) as consumer:
        looks: list[str] = []

        def purge_after_the_first_look(*arguments: Any) -> None:
            looks.append(arguments[2])
            if len(looks) == 1:
                books.purge()

        event.listen(consumer, "after_cursor_execute", purge_after_the_first_look)
        outcome = store_order(consumer, order)
        assert len(looks) > 1
    assert outcome.known is Known.DUPLICATE
    books.assert_each_old_order_is_either_stored_or_archived()


async def test_no_open_order_is_touched(
    books: Books, queue: Redis, queue_server: RedisServer, tmp_path: Path, monkeypatch: Any
) -> None:
    """Accepted years ago and waiting still, or dead letters: the queue is not even asked."""
    books.store(2)
    held = [make_order({1: 1}, guest_id=uuid.uuid4(), accepted_at=LONG_AGO) for _ in range(2)]
    for stream, message in zip(("orders", "orders:dead"), held, strict=True):
        await queue.xadd(stream, {"order": message.model_dump_json()})
    audit = tmp_path / "audit"
    audit.mkdir()
    lines = [
        AuditLine(order_id=one.order_id, entry_id="1-0", accepted_at=one.accepted_at)
        for one in (*books.old, *held)
    ]
    text = "".join(line.model_dump_json() + "\n" for line in lines)
    (audit / "accepted-one.jsonl").write_text(text)
    monkeypatch.setenv("AUDIT_DIRECTORY", str(audit))
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://127.0.0.1:1/0")
    await asyncio.to_thread(books.purge, "--months", "1")
    assert books.ids(purged_orders) == {str(message.order_id) for message in books.old}
    monkeypatch.setenv("QUEUE_REDIS_URL", queue_server.url)
    books.capture.readouterr()
    assert await asyncio.to_thread(main, ["reconcile", "--json"]) == 0
    document = json.loads(books.capture.readouterr().out)
    assert document["differences"] == []
    assert {name: document["counts"][name] for name in ("purged", "waiting", "dead")} == {
        "purged": 2,
        "waiting": 1,
        "dead": 1,
    }


def test_orders_go_on_while_old_ones_are_purged(books: Books, database_url: str) -> None:
    """New ones are stored, and messages about old ones delivered again, in the middle of it."""
    old = books.store(60)
    stop, known = threading.Event(), set()
    stored: list[OrderMessage] = []

    def consume() -> None:
        with opened(database_url) as engine:
            while not stop.is_set():
                again = old[len(stored) % len(old)]
                new = make_order({1: 1, 9: 1})
                for outcome in store_orders(engine, [new, again]):
                    known.add((outcome.message is new, outcome.known))
                stored.append(new)

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        result = books.result("--batch", "3", "--pause", "0.02")
    finally:
        stop.set()
        consumer.join(60)
    books.young += stored
    assert result["orders"] == 60
    assert known == {(True, Known.NEW), (False, Known.DUPLICATE)}
    books.assert_each_old_order_is_either_stored_or_archived()


def test_two_at_once_are_refused_by_name(books: Books) -> None:
    books.store(1)
    books.archive.mkdir()
    with locked(books.archive, "archive", "purge-orders"):
        said = books.purge(code=2)
    assert f"`purge-orders` (process {os.getpid()}" in said
    assert books.result()["orders"] == 1


def test_a_clock_that_is_wrong_purges_nothing(books: Books, monkeypatch: Any) -> None:
    books.store(1, old=False)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(days=3 * 365)

    monkeypatch.setattr(command, "datetime", Ahead)
    assert "set the wrong one right" in books.purge(code=2)
    books.assert_each_old_order_is_either_stored_or_archived()


def test_a_full_disk_is_said_and_the_next_run_goes_on(books: Books, monkeypatch: Any) -> None:
    books.store(6)
    write, writes = os.write, 0

    def write_until_full(descriptor: int, data: bytes) -> int:
        """The headings, a batch, and half of another one."""
        nonlocal writes
        writes += 1
        if writes > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2] if writes == 3 else data)

    with monkeypatch.context() as patch:
        patch.setattr(archive.os, "write", write_until_full)
        assert "the disk is full" in books.purge("--batch", "2", code=2)
    assert len(books.ids(purged_orders)) == 2
    resumed = books.result()
    assert resumed["orders"] + resumed["orders_of_interrupted_run"] == 6
    assert len(resumed["archives"]) == 2
    books.assert_each_old_order_is_either_stored_or_archived()


def test_an_archive_that_is_damaged_in_the_middle_is_not_cut(
    books: Books, monkeypatch: Any
) -> None:
    books.store(6)
    with monkeypatch.context() as patch:
        patch.setattr(archive.OrderArchive, "finish", lambda _self: None)
        books.purge("--batch", "2")
    (path,) = archive.list_unfinished(books.archive)
    whole = path.read_bytes()
    # More than the header of a member, whose time and system nobody reads.
    torn = bytes(byte ^ 0xFF for byte in whole[250:270])
    path.write_bytes(whole[:250] + torn + whole[270:])
    assert "is damaged at byte" in books.purge(code=2)
    assert path.stat().st_size == len(whole)
    path.write_bytes(whole)
    assert books.result()["orders_of_interrupted_run"] == 6
    books.assert_each_old_order_is_either_stored_or_archived()


def test_the_command_names_what_it_cannot_do(books: Books, monkeypatch: Any) -> None:
    monkeypatch.setenv("PURGE_ORDERS_MONTHS", "0")
    assert "PURGE_ORDERS_MONTHS" in books.purge(code=2)
    monkeypatch.delenv("PURGE_ORDERS_MONTHS")
    blocked = books.archive.parent / "file"
    blocked.touch()
    monkeypatch.setenv("ARCHIVE_DIRECTORY", str(blocked))
    assert str(blocked) in books.purge(code=2)

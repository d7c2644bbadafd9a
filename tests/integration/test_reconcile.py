"""Reconciling: each difference between audit, database and queue is named, a loss above all."""

import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from sqlalchemy import Engine, insert

from contracts.audit import AuditLine
from contracts.orders import OrderMessage, OrderRequest, PendingOrder
from database.tables import orders, purged_orders
from housekeeping import queue_contents
from housekeeping.__main__ import main
from housekeeping.audit_trail import AuditFile, list_audit_files
from housekeeping.progress import Progress
from housekeeping.queue_contents import QueueContents, read_queue
from servicekit.database.engine import transaction
from tests.publishing import order, place, publisher, redis_user
from tests.servers import RedisServer

ROOT = Path(__file__).parents[2]
RIGHTS = "~idem:* ~orders ~orders:dead ~pending:* +scan +unlink +xlen +xrange +xinfo +info"
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


@dataclass
class Shop:
    """Orders, put where a test wants them."""

    queue: Redis
    engine: Engine
    audit: Path
    messages: dict[str, OrderMessage] = field(default_factory=dict)

    def accept(self, file: str = "accepted-one.jsonl") -> str:
        """An audit line, and nothing else."""
        order_id = self.order()
        line = AuditLine(order_id=uuid.UUID(order_id), entry_id="1-0", accepted_at=LONG_AGO)
        with (self.audit / file).open("a") as lines:
            lines.write(line.model_dump_json() + "\n")
        return order_id

    def order(self, accepted_at: datetime = LONG_AGO) -> str:
        request = OrderRequest.model_validate(order())
        order_id = uuid.uuid4()
        self.messages[str(order_id)] = OrderMessage(
            order_id=order_id,
            guest_id=uuid.uuid4(),
            fingerprint=request.fingerprint(),
            items=request.items,
            customer=request.customer,
            accepted_at=accepted_at,
        )
        return str(order_id)

    def store(self, order_id: str) -> None:
        message = self.messages[order_id]
        with transaction(self.engine) as connection:
            connection.execute(
                insert(orders).values(
                    order_id=order_id,
                    guest_id=str(message.guest_id),
                    fingerprint=message.fingerprint,
                    status="confirmed",
                    total_idr=1,
                    customer_name="a",
                    customer_email="b",
                    customer_address="c",
                    accepted_at=message.accepted_at,
                    stored_at=message.accepted_at,
                )
            )

    def purge(self, order_id: str) -> None:
        with transaction(self.engine) as connection:
            connection.execute(
                insert(purged_orders).values(
                    order_id=order_id, fingerprint="f", status="confirmed", purged_at=LONG_AGO
                )
            )

    async def enqueue(self, order_id: str, stream: str = "orders") -> None:
        await self.queue.xadd(stream, {"order": self.messages[order_id].model_dump_json()})
        await self.show_as_pending(order_id)

    async def show_as_pending(self, order_id: str) -> None:
        message = self.messages[order_id]
        pending = PendingOrder(items=message.items, accepted_at=message.accepted_at)
        hset: Any = self.queue.hset
        await hset(f"pending:{message.guest_id}", order_id, pending.model_dump_json())


@pytest.fixture
def shop(queue: Redis, engine: Engine, tmp_path: Path) -> Shop:
    audit = tmp_path / "audit"
    audit.mkdir()
    (audit / "accepted-one.jsonl").touch()
    return Shop(queue, engine, audit)


@dataclass(frozen=True)
class Reconcile:
    """Runs the command; returns what it printed, if it ended as expected."""

    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *options: str, code: int = 0, **environment: str) -> str:
        for name, value in environment.items():
            self.patch.setenv(name, value)
        self.capture.readouterr()
        ended = main(["reconcile", *options])
        printed = self.capture.readouterr()
        assert ended == code, printed.out + printed.err
        return printed.err if code == 2 else printed.out

    def differences(self, *, code: int = 0, **environment: str) -> dict[str, str]:
        """What `--json` names: subject → kind."""
        document = json.loads(self("--json", code=code, **environment))
        return {one["subject"]: one["kind"] for one in document["differences"]}


@pytest.fixture
def reconcile(
    queue_server: RedisServer,
    database_url: str,
    shop: Shop,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Reconcile:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("QUEUE_REDIS_URL", queue_server.url)
    monkeypatch.setenv("AUDIT_DIRECTORY", str(shop.audit))
    return Reconcile(capsys, monkeypatch)


async def test_orders_in_their_places_are_no_difference(shop: Shop, reconcile: Reconcile) -> None:
    shop.store(shop.accept())
    shop.store(shop.accept("accepted-two.jsonl"))
    shop.purge(shop.accept())
    await shop.enqueue(shop.accept())
    await shop.enqueue(shop.accept(), "orders:dead")
    document = json.loads(reconcile("--json"))
    assert document["differences"] == []
    assert document["counts"] == {
        "audit_files": 2,
        "audit_lines": 5,
        "accepted_orders": 5,
        "stored": 2,
        "purged": 1,
        "waiting": 1,
        "dead": 1,
    }
    assert set(document["found"].values()) == {0}
    assert "no order is lost" in reconcile()


async def test_a_lost_order_is_named_and_fails_the_command(
    shop: Shop, reconcile: Reconcile
) -> None:
    shop.store(shop.accept())
    lost, also_lost = shop.accept(), shop.accept()
    assert reconcile.differences(code=1) == {lost: "lost", also_lost: "lost"}
    text = reconcile(code=1)
    assert f"LOST                    {lost}" in text
    assert "2 ORDERS LOST" in text


async def test_orders_in_more_than_one_place_are_named_and_not_lost(
    shop: Shop, reconcile: Reconcile
) -> None:
    repeated, reused, restored, replayed, late, held = (shop.accept() for _ in range(6))
    shop.store(repeated)
    await shop.enqueue(repeated)
    shop.store(reused)
    await shop.enqueue(reused, "orders:dead")
    shop.store(restored)
    shop.purge(restored)
    await shop.enqueue(replayed)
    await shop.enqueue(replayed, "orders:dead")
    for purged, stream in ((late, "orders"), (held, "orders:dead")):
        shop.purge(purged)
        await shop.enqueue(purged, stream)
    assert reconcile.differences() == {
        late: "stored_and_waiting",
        held: "stored_and_dead",
        repeated: "stored_and_waiting",
        reused: "stored_and_dead",
        restored: "stored_and_purged",
        replayed: "waiting_and_dead",
    }


async def test_orders_that_no_line_names_are_named(shop: Shop, reconcile: Reconcile) -> None:
    shop.store(shop.accept())
    stored, waiting, dead = shop.order(), shop.order(), shop.order()
    shop.store(stored)
    await shop.enqueue(waiting)
    await shop.enqueue(dead, "orders:dead")
    # Neither what is older than the first line nor what is being written now.
    for accepted_at in (LONG_AGO - timedelta(seconds=1), datetime.now(UTC)):
        shop.store(shop.order(accepted_at))
        await shop.enqueue(shop.order(accepted_at))
    assert reconcile.differences() == dict.fromkeys((stored, waiting, dead), "without_audit")


async def test_a_pending_order_without_an_entry_is_named_by_its_guest(
    shop: Shop, reconcile: Reconcile
) -> None:
    order_id = shop.accept()
    await shop.show_as_pending(order_id)
    guest = str(shop.messages[order_id].guest_id)
    assert reconcile.differences(code=1) == {order_id: "lost", guest: "pending_without_entry"}


async def test_half_lines_and_foreign_entries_are_named_and_stop_nothing(
    shop: Shop, queue: Redis, reconcile: Reconcile
) -> None:
    lost = shop.accept()
    with (shop.audit / "accepted-one.jsonl").open("ab") as file:
        file.write(b'\n\0\0\0\n{"order_id": 5}\n' + b"x" * 100_000 + b"\n")
    lost_later = shop.accept()
    with (shop.audit / "accepted-one.jsonl").open("a") as file:
        file.write('{"order_id":"0000')
    entry_id = await queue.xadd("orders", {"order": "[]"})
    dead_id = await queue.xadd("orders:dead", {"reason": "invalid"})
    differences = reconcile.differences(code=1)
    lines = {name for name, kind in differences.items() if kind == "unreadable_line"}
    assert len(lines) == 5  # the long one counts twice
    assert {name: kind for name, kind in differences.items() if name not in lines} == {
        lost: "lost",
        lost_later: "lost",
        _text(entry_id): "unreadable_entry",
        _text(dead_id): "unreadable_entry",
    }


def _text(entry_id: object) -> str:
    assert isinstance(entry_id, bytes)
    return entry_id.decode()


async def test_more_orders_than_a_batch_are_all_compared(shop: Shop, reconcile: Reconcile) -> None:
    lost = [shop.accept() for _ in range(2500)]
    for _ in range(600):
        await shop.enqueue(shop.accept())
    document = json.loads(reconcile("--json", code=1))
    assert document["counts"]["waiting"] == 600
    assert {difference["subject"] for difference in document["differences"]} == set(lost)


async def test_orders_that_move_on_meanwhile_are_neither_lost_nor_named(
    shop: Shop, queue: Redis, queue_server: RedisServer, reconcile: Reconcile
) -> None:
    """The command runs while the shop does: orders are accepted, settled and dead-lettered
    between its looks."""
    settled, held = shop.accept(), shop.accept()
    await shop.enqueue(settled)
    await shop.enqueue(held)

    def read_audit_then_accept(directory: Path) -> list[AuditFile]:
        extents = list_audit_files(directory)
        shop.accept()
        return extents

    def read_queue_then_settle(client: SyncRedis, progress: Progress) -> QueueContents:
        contents = read_queue(client, progress)
        for entry_id, fields in sync_entries(client):
            if settled.encode() in fields[b"order"]:
                shop.store(settled)
            else:
                client.xadd("orders:dead", fields)
            client.xdel("orders", entry_id)
        return contents

    reconcile.patch.setattr("housekeeping.reconcile.list_audit_files", read_audit_then_accept)
    reconcile.patch.setattr("housekeeping.reconcile.read_queue", read_queue_then_settle)
    assert reconcile.differences() == {}


async def test_a_dead_letter_that_is_replayed_meanwhile_is_not_lost(
    shop: Shop, queue: Redis, queue_server: RedisServer, reconcile: Reconcile
) -> None:
    replayed = shop.accept()
    await shop.enqueue(replayed, "orders:dead")
    read = queue_contents._read_stream

    def read_stream_then_replay(client: SyncRedis, stream: str, *rest: Any) -> None:
        read(client, stream, *rest)
        for entry_id, fields in sync_entries(client, "orders:dead"):
            client.xadd("orders", fields)
            client.xdel("orders:dead", entry_id)

    reconcile.patch.setattr(queue_contents, "_read_stream", read_stream_then_replay)
    assert reconcile.differences() == {}


async def test_a_guest_whose_order_is_settled_meanwhile_waits_for_nothing(
    shop: Shop, queue: Redis, reconcile: Reconcile
) -> None:
    settled = shop.accept()
    await shop.enqueue(settled)
    read = queue_contents._read_stream

    def settle_then_read_stream(client: SyncRedis, *rest: Any) -> None:
        if client.dbsize():
            shop.store(settled)
            client.flushall()
        read(client, *rest)

    reconcile.patch.setattr(queue_contents, "_read_stream", settle_then_read_stream)
    assert reconcile.differences() == {}


def sync_entries(client: SyncRedis, stream: str = "orders") -> list[Any]:
    entries: Any = client.xrange(stream)
    return list(entries)


async def test_what_a_publisher_wrote_reconciles_with_the_rights_of_the_contract(
    shop: Shop, queue: Redis, queue_server: RedisServer, reconcile: Reconcile, tmp_path: Path
) -> None:
    async with publisher(queue_server.url, shop.audit) as client:
        for key in ("key-1", "key-2", "key-1"):
            assert (await place(client, key)).status_code == 202
    async with redis_user(queue, queue_server, RIGHTS) as url:
        document = json.loads(reconcile("--json", QUEUE_REDIS_URL=url))
        assert document["differences"] == []
        assert document["counts"]["accepted_orders"] == document["counts"]["waiting"] == 2
        await queue.flushall()
        assert set(reconcile.differences(code=1).values()) == {"lost"}


async def test_no_audit_at_all_is_not_a_good_comparison(
    reconcile: Reconcile, tmp_path: Path
) -> None:
    told = reconcile(code=2, AUDIT_DIRECTORY=str(tmp_path / "nothing here"))
    assert "there is no audit file in" in told


async def test_a_store_that_is_away_is_told_apart_from_a_loss(reconcile: Reconcile) -> None:
    told = reconcile(code=2, QUEUE_REDIS_URL="redis://127.0.0.1:1/0")
    assert told.startswith("reconcile failed: ")
    assert len(told.splitlines()) == 1


def test_the_command_is_found_by_its_name(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "housekeeping", "reconcile"],
        cwd=ROOT,
        env={
            **os.environ,
            "AUDIT_DIRECTORY": str(tmp_path),
            "DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "there is no audit file in" in done.stderr

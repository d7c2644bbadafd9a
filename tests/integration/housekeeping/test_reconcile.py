"""Reconciling: each difference between audit, database and queue is named, a loss above all."""

import json
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
from sqlalchemy import Engine, Table, insert

from contracts.audit import AuditLine
from contracts.orders import OrderMessage, PendingOrder
from database.tables import orders, purged_orders
from housekeeping import queue_contents
from housekeeping.__main__ import main
from housekeeping.audit_trail import AuditFile, list_audit_files
from housekeeping.progress import Progress
from housekeeping.queue_contents import QueueContents, read_queue
from servicekit.database.engine import transaction
from tests.order_messages import make_order
from tests.publishing import place, publisher, redis_user
from tests.servers import RedisServer

ROOT = Path(__file__).parents[3]
RIGHTS = "~idem:* ~orders ~orders:dead ~pending:* +scan +unlink +xlen +xrange +xinfo +info"
LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
DEAD = "orders:dead"
TABLES, STREAMS = {"stored": orders, "purged": purged_orders}, {"waiting": "orders", "dead": DEAD}


@dataclass
class Shop:
    """Orders, put where a test wants them, and the command that looks for them."""

    queue: Redis
    engine: Engine
    audit: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch
    messages: dict[str, OrderMessage] = field(default_factory=dict)

    async def put(
        self,
        *places: str,
        audit: str | None = "accepted-one.jsonl",
        accepted_at: datetime = LONG_AGO,
    ) -> str:
        """A new order in these places, and with a line in this file."""
        message = make_order({1: 2}, guest_id=uuid.uuid4(), accepted_at=accepted_at)
        order_id = str(message.order_id)
        self.messages[order_id] = message
        if audit is not None:
            line = AuditLine(order_id=message.order_id, entry_id="1-0", accepted_at=accepted_at)
            with (self.audit / audit).open("a") as lines:
                lines.write(line.model_dump_json() + "\n")
        pending = PendingOrder(items=message.items, accepted_at=accepted_at).model_dump_json()
        hset: Any = self.queue.hset
        for spot in places:
            if spot in TABLES:
                self.store(order_id, TABLES[spot])
                continue
            await hset(f"pending:{message.guest_id}", order_id, pending)
            if spot in STREAMS:
                await self.queue.xadd(STREAMS[spot], {"order": message.model_dump_json()})
        return order_id

    def store(self, order_id: str, table: Table = orders) -> None:
        values: dict[str, Any] = dict.fromkeys(table.columns.keys(), "x")
        values |= {"order_id": order_id, "status": "confirmed", "total_idr": 1, "reason": None}
        moment = self.messages[order_id].accepted_at
        values |= dict.fromkeys(("accepted_at", "stored_at", "purged_at"), moment)
        with transaction(self.engine) as connection:
            connection.execute(insert(table).values({c.name: values[c.name] for c in table.c}))

    def reconcile(self, *options: str, code: int = 0, **environment: str) -> str:
        """Run the command; returns what it printed, if it ended as expected."""
        for name, value in environment.items():
            self.patch.setenv(name, value)
        self.capture.readouterr()
        ended = main(["reconcile", *options])
        printed = self.capture.readouterr()
        assert ended == code, printed.out + printed.err
        return printed.err if code == 2 else printed.out

    def differences(self, *, code: int = 0, **environment: str) -> dict[str, str]:
        """What `--json` names: subject → kind."""
        document = json.loads(self.reconcile("--json", code=code, **environment))
        return {one["subject"]: one["kind"] for one in document["differences"]}


@pytest.fixture
def shop(
    queue: Redis,
    queue_server: RedisServer,
    engine: Engine,
    database_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Shop:
    audit = tmp_path / "audit"
    audit.mkdir()
    (audit / "accepted-one.jsonl").touch()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("QUEUE_REDIS_URL", queue_server.url)
    monkeypatch.setenv("AUDIT_DIRECTORY", str(audit))
    return Shop(queue, engine, audit, capsys, monkeypatch)


async def test_orders_in_their_places_are_no_difference(shop: Shop) -> None:
    for spot in ("stored", "purged", "waiting", "dead"):
        await shop.put(spot)
    await shop.put("stored", audit="accepted-two.jsonl")
    document = json.loads(shop.reconcile("--json"))
    assert document["differences"] == []
    assert document["counts"] == {
        **{"audit_files": 2, "audit_lines": 5, "accepted_orders": 5},
        **{"stored": 2, "purged": 1, "waiting": 1, "dead": 1},
    }
    assert set(document["found"].values()) == {0}
    assert "no order is lost" in shop.reconcile()


async def test_a_lost_order_is_named_and_fails_the_command(shop: Shop) -> None:
    await shop.put("stored")
    lost, also_lost = await shop.put(), await shop.put()
    assert shop.differences(code=1) == {lost: "lost", also_lost: "lost"}
    text = shop.reconcile(code=1)
    assert f"LOST                    {lost}" in text
    assert "2 ORDERS LOST" in text


async def test_orders_in_more_than_one_place_are_named_and_not_lost(shop: Shop) -> None:
    assert shop.differences() == {}
    expected = {
        await shop.put("purged", "waiting"): "stored_and_waiting",
        await shop.put("purged", "dead"): "stored_and_dead",
        await shop.put("stored", "waiting"): "stored_and_waiting",
        await shop.put("stored", "dead"): "stored_and_dead",
        await shop.put("stored", "purged"): "stored_and_purged",
        await shop.put("waiting", "dead"): "waiting_and_dead",
    }
    assert shop.differences() == expected


async def test_orders_that_no_line_names_are_named(shop: Shop) -> None:
    await shop.put("stored")
    unnamed = [await shop.put(spot, audit=None) for spot in ("stored", "waiting", "dead")]
    # Neither what is older than the first line nor what is being written now.
    for accepted_at in (LONG_AGO - timedelta(seconds=1), datetime.now(UTC)):
        for spot in ("stored", "waiting", "dead"):
            await shop.put(spot, audit=None, accepted_at=accepted_at)
    assert shop.differences() == dict.fromkeys(unnamed, "without_audit")


async def test_a_pending_order_without_an_entry_is_named_by_its_guest(shop: Shop) -> None:
    order_id = await shop.put("pending")
    guest = str(shop.messages[order_id].guest_id)
    assert shop.differences(code=1) == {order_id: "lost", guest: "pending_without_entry"}


async def test_half_lines_and_foreign_entries_are_named_and_stop_nothing(shop: Shop) -> None:
    lost = await shop.put()
    with (shop.audit / "accepted-one.jsonl").open("ab") as file:
        file.write(b'\n\0\0\0\n{"order_id": 5}\n' + b"x" * 100_000 + b"\n")
    lost_later = await shop.put()
    with (shop.audit / "accepted-one.jsonl").open("a") as file:
        file.write('{"order_id":"0000')
    foreign: list[Any] = [
        await shop.queue.xadd("orders", {"order": "[]"}),
        await shop.queue.xadd(DEAD, {"reason": "invalid"}),
    ]
    differences = shop.differences(code=1)
    lines = [name for name, kind in differences.items() if kind == "unreadable_line"]
    assert len(lines) == 5  # the long one counts twice
    assert {name: kind for name, kind in differences.items() if name not in lines} == {
        **dict.fromkeys((lost, lost_later), "lost"),
        **{entry_id.decode(): "unreadable_entry" for entry_id in foreign},
    }


async def test_more_orders_than_a_batch_are_all_compared(shop: Shop) -> None:
    lost = [await shop.put() for _ in range(2500)]
    for _ in range(600):
        await shop.put("waiting")
    document = json.loads(shop.reconcile("--json", code=1))
    assert document["counts"]["waiting"] == 600
    assert {difference["subject"] for difference in document["differences"]} == set(lost)


async def test_orders_that_move_on_meanwhile_are_neither_lost_nor_named(shop: Shop) -> None:
    """The command runs while the shop does: orders are accepted, settled and dead-lettered
    between its looks."""
    settled = await shop.put("waiting")
    await shop.put("waiting")

    def read_audit_then_accept(directory: Path) -> list[AuditFile]:
        files = list_audit_files(directory)
        with (shop.audit / "accepted-one.jsonl").open("a") as file:
            file.write(
                f'{{"order_id":"{uuid.uuid4()}","entry_id":null,"accepted_at":"{LONG_AGO}"}}'
            )
        return files

    def read_queue_then_settle(client: SyncRedis, progress: Progress) -> QueueContents:
        contents = read_queue(client, progress)
        for entry_id, fields in sync_entries(client):
            if settled.encode() in fields[b"order"]:
                shop.store(settled)
            else:
                client.xadd(DEAD, fields)
            client.xdel("orders", entry_id)
        return contents

    shop.patch.setattr("housekeeping.reconcile.list_audit_files", read_audit_then_accept)
    shop.patch.setattr("housekeeping.reconcile.read_queue", read_queue_then_settle)
    assert shop.differences() == {}


def sync_entries(client: SyncRedis, stream: str = "orders") -> list[Any]:
    entries: Any = client.xrange(stream)
    return list(entries)


async def test_a_dead_letter_that_is_replayed_meanwhile_is_not_lost(shop: Shop) -> None:
    await shop.put("dead")
    read = queue_contents._read_stream

    def read_stream_then_replay(client: SyncRedis, stream: str, *rest: Any) -> None:
        read(client, stream, *rest)
        for entry_id, fields in sync_entries(client, DEAD):
            client.xadd("orders", fields)
            client.xdel(DEAD, entry_id)

    shop.patch.setattr(queue_contents, "_read_stream", read_stream_then_replay)
    assert shop.differences() == {}


async def test_a_guest_whose_order_is_settled_meanwhile_waits_for_nothing(shop: Shop) -> None:
    settled = await shop.put("waiting")
    read = queue_contents._read_stream

    def settle_then_read_stream(client: SyncRedis, *rest: Any) -> None:
        if client.dbsize():
            shop.store(settled)
            client.flushall()
        read(client, *rest)

    shop.patch.setattr(queue_contents, "_read_stream", settle_then_read_stream)
    assert shop.differences() == {}


async def test_what_a_publisher_wrote_reconciles_with_the_rights_of_the_contract(
    shop: Shop, queue_server: RedisServer
) -> None:
    async with publisher(queue_server.url, shop.audit) as client:
        for key in ("key-1", "key-2", "key-1"):
            assert (await place(client, key)).status_code == 202
    async with redis_user(shop.queue, queue_server, RIGHTS) as url:
        document = json.loads(shop.reconcile("--json", QUEUE_REDIS_URL=url))
        assert document["differences"] == []
        assert document["counts"]["accepted_orders"] == document["counts"]["waiting"] == 2
        await shop.queue.flushall()
        assert set(shop.differences(code=1).values()) == {"lost"}


async def test_what_cannot_be_compared_is_told_apart_from_a_loss(
    shop: Shop, tmp_path: Path
) -> None:
    told = shop.reconcile(code=2, QUEUE_REDIS_URL="redis://127.0.0.1:1/0")
    assert told.startswith("reconcile failed: ")
    assert len(told.splitlines()) == 1


def test_the_command_is_found_by_its_name_and_no_audit_at_all_is_not_a_good_comparison(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "housekeeping", "reconcile"],
        cwd=ROOT,
        env={
            **{"PATH": "/usr/bin:/bin", "AUDIT_DIRECTORY": str(tmp_path / "nothing here")},
            **{"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}"},
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "there is no audit file in" in done.stderr

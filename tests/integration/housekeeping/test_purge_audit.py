"""Audit files leave when they are old and each of their orders has reached its end."""

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.audit import AuditLine
from housekeeping.__main__ import main
from services.publisher.audit import open_audit
from tests.integration.housekeeping.purging import Books

DAY = 86400
CLOSED = "accepted-one.20250101T000000Z.jsonl"
Purge = Callable[..., dict[str, Any]]


@pytest.fixture
def audit(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "audit"
    folder.mkdir()
    monkeypatch.setenv("AUDIT_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def purge(audit: Path, capsys: pytest.CaptureFixture[str]) -> Purge:
    def run(*options: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        ended = main(["purge-audit", "--json", *options])
        printed = capsys.readouterr()
        assert ended == code, printed
        found: dict[str, Any] = json.loads(printed.out)
        return found

    return run


def line_of(order_id: Any, accepted_at: datetime | None = None) -> str:
    moment = accepted_at or datetime.now(UTC)
    line = AuditLine(order_id=order_id, entry_id="1-0", accepted_at=moment)
    return line.model_dump_json() + "\n"


def write(path: Path, *order_ids: Any, days: float = 100) -> None:
    then = datetime.now(UTC) - timedelta(days=days)
    path.write_text("".join(line_of(order_id, then) for order_id in order_ids))
    os.utime(path, (time.time() - days * DAY,) * 2)


def test_a_closed_file_goes_when_all_of_its_orders_have_ended(
    books: Books, audit: Path, purge: Purge
) -> None:
    """Stored and purged ones; half a line is no order."""
    old, young = books.store(2), books.store(1, old=False)
    books.purge()
    write(audit / CLOSED, *(message.order_id for message in (*old, *young)))
    with (audit / CLOSED).open("a") as file:
        file.write('{"order_id":"0000')
    os.utime(audit / CLOSED, (time.time() - 91 * DAY,) * 2)
    assert purge("--dry-run")["removed"] == [CLOSED]
    assert (audit / CLOSED).exists()
    size = (audit / CLOSED).stat().st_size
    result = purge()
    assert (result["removed"], result["bytes"]) == ([CLOSED], size)
    assert list(audit.glob("*.jsonl")) == []


def test_a_file_stays_while_an_order_of_it_has_not_ended(
    books: Books, audit: Path, purge: Purge, capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits, is a dead letter, or is lost: its line is all that is known of it."""
    (stored,) = books.store(1)
    lost = uuid.uuid4()
    write(audit / CLOSED, stored.order_id, lost)
    assert purge(code=1)["kept"] == {CLOSED: [str(lost)]}
    assert (audit / CLOSED).exists()
    assert main(["purge-audit"]) == 1
    assert f"{CLOSED} stays: order {lost}" in capsys.readouterr().out


def test_a_file_that_is_young_or_was_closed_just_now_stays(
    books: Books, audit: Path, purge: Purge
) -> None:
    write(audit / CLOSED, days=89)
    write(audit / "accepted-two.jsonl", days=100)
    result = purge()
    assert result["removed"] == []
    (closed,) = result["closed"]
    assert closed.startswith("accepted-two.20")
    # Old enough, but its publisher may not have looked yet.
    assert purge() | {"bytes": 0} == result | {"closed": []}
    assert {path.name for path in audit.glob("*.jsonl")} == {CLOSED, closed}
    assert purge("--days", "80")["removed"] == [CLOSED]


async def test_no_line_is_lost_when_the_file_of_a_running_publisher_is_closed(
    books: Books, audit: Path, purge: Purge
) -> None:
    written = []

    async def append(log: Any, moment: datetime) -> None:
        written.append(uuid.uuid4())
        await log.append(AuditLine(order_id=written[-1], entry_id="1-0", accepted_at=moment))

    async with open_audit(audit) as log:
        await append(log, datetime.now(UTC) - timedelta(days=2))
        closed = asyncio.create_task(asyncio.to_thread(purge))
        deadline = time.monotonic() + 30
        while len(files_of(audit)) < 2 or not closed.done():
            assert time.monotonic() < deadline
            await append(log, datetime.now(UTC))
            await asyncio.sleep(0.005)
        await append(log, datetime.now(UTC))
    assert sorted(orders_in(files_of(audit))) == sorted(written)


def files_of(audit: Path) -> list[Path]:
    return list(audit.glob("*.jsonl"))


def orders_in(files: list[Path]) -> list[uuid.UUID]:
    lines = (line for path in files for line in path.read_text().splitlines())
    return [AuditLine.model_validate_json(line).order_id for line in lines]

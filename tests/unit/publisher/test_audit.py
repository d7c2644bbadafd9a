"""The audit keeps every line it can, and says so loudly when it cannot."""

import asyncio
import json
import logging
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.audit import AuditLine
from services.publisher import audit as audit_module
from services.publisher.audit import AuditLog, AuditNotWritten, open_audit
from services.publisher.audit_file import AuditFile, audit_path
from tests.waiting import eventually_async as eventually

# Tests do not wait for a second.
SYNC_SECONDS = audit_module._SYNC_SECONDS
NO_SPACE = OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _sync_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_module, "_SYNC_SECONDS", 0.05)


def line(number: int) -> AuditLine:
    return AuditLine(
        order_id=uuid.UUID(int=number), entry_id=f"{number}-0", accepted_at=datetime.now(UTC)
    )


def numbers_in(path: Path) -> list[int]:
    return [
        uuid.UUID(json.loads(text)["order_id"]).int
        for text in path.read_text().splitlines()
        if text.startswith("{") and text.endswith("}")
    ]


async def until_failing(audit: AuditLog, expected: bool) -> None:
    async def look() -> str | None:
        try:
            return await audit.check()
        except AuditNotWritten as error:
            return f"failing: {error}"

    await eventually(look, lambda said: said.startswith("failing") is expected)


async def test_a_line_is_in_the_file_when_append_returns(tmp_path: Path) -> None:
    async with open_audit(tmp_path / "audit") as audit:
        accepted = line(1)
        await audit.append(accepted)
        text = audit_path(tmp_path / "audit").read_text()
    assert text == accepted.model_dump_json() + "\n"
    assert list(json.loads(text)) == ["order_id", "entry_id", "accepted_at"]


async def test_lines_that_come_together_are_all_written_whole_whoever_gives_up(
    tmp_path: Path,
) -> None:
    async with open_audit(tmp_path) as audit:
        given_up = asyncio.create_task(audit.append(line(999)))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(*(audit.append(line(number)) for number in range(500)))
        assert set(range(500)) <= set(numbers_in(audit_path(tmp_path))) <= {*range(500), 999}


async def test_half_a_line_of_a_killed_process_stays_a_line_of_its_own(tmp_path: Path) -> None:
    audit_path(tmp_path).write_text('{"order_id": "0000')
    async with open_audit(tmp_path) as audit:
        await audit.append(line(1))
    assert audit_path(tmp_path).read_text().splitlines()[0] == '{"order_id": "0000'
    assert numbers_in(audit_path(tmp_path)) == [1]


async def test_a_full_disk_is_loud_and_the_log_keeps_the_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audit_path(tmp_path).symlink_to("/dev/full")
    async with open_audit(tmp_path) as audit:
        accepted = line(1)
        await audit.append(accepted)
        with pytest.raises(AuditNotWritten, match="No space left"):
            await audit.check()
    lost = [record for record in caplog.records if hasattr(record, "audit")]
    assert [record.levelno for record in lost] == [logging.ERROR]
    assert vars(lost[0])["audit"] == accepted.model_dump_json()


@pytest.mark.parametrize("method", ["append", "reopen_if_moved", "sync"])
async def test_a_fault_of_any_kind_is_loud_and_over_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Neither the writing of lines nor the upkeep of the file may end by it."""

    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    async with open_audit(tmp_path) as audit, asyncio.timeout(30):
        with monkeypatch.context() as broken:
            broken.setattr(AuditFile, method, fail)
            await audit.append(line(1))
            await until_failing(audit, True)
        await audit.append(line(2))
        await until_failing(audit, False)
    assert numbers_in(audit_path(tmp_path))[-1] == 2


async def test_a_folder_that_becomes_writable_is_used_without_a_new_start(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.write_text("a file where the folder should be")
    async with open_audit(folder) as audit:
        await until_failing(audit, True)
        folder.unlink()
        await until_failing(audit, False)
        await audit.append(line(1))
        assert numbers_in(audit_path(folder)) == [1]


async def test_a_file_that_was_moved_away_gets_a_successor(tmp_path: Path) -> None:
    path = audit_path(tmp_path)
    async with open_audit(tmp_path) as audit:
        await audit.append(line(1))
        path.rename(tmp_path / "rotated.jsonl")
        await eventually(path.exists)
        await audit.append(line(2))
        assert (numbers_in(tmp_path / "rotated.jsonl"), numbers_in(path)) == ([1], [2])


@pytest.mark.parametrize("at_the_end", [False, True])
async def test_what_was_appended_is_fsynced_each_second_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: bool
) -> None:
    assert SYNC_SECONDS <= 1, "as the contract says"
    if at_the_end:
        monkeypatch.setattr(audit_module, "_SYNC_SECONDS", 3600)
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    async with open_audit(tmp_path) as audit:
        await audit.append(line(1))
        written = audit_path(tmp_path).stat().st_size
        if not at_the_end:
            await eventually(lambda: synced.count(written), lambda number: number >= 2)
    assert synced[-1:] == [written]


def test_lines_are_whole_however_the_system_takes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three bytes at a time, then none any more, then all."""
    file, write = AuditFile(tmp_path / "accepted.jsonl"), os.write
    with monkeypatch.context() as slow:
        slow.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
        file.append(b"one of them\n")

    def write_three_bytes_and_fail(descriptor: int, data: bytes) -> int:
        if data.startswith(b"two"):
            return write(descriptor, data[:3])
        raise NO_SPACE

    with monkeypatch.context() as full:
        full.setattr(os, "write", write_three_bytes_and_fail)
        with pytest.raises(OSError, match="No space"):
            file.append(b"two of them\n")
    file.append(b"three\n")
    file.close()
    assert file.path.read_text().splitlines() == ["one of them", "two", "three"]


def test_lines_of_two_processes_in_one_file_do_not_meet(tmp_path: Path) -> None:
    """The old publisher of a host still ends its requests as the new one has begun."""
    old, new = (AuditFile(tmp_path / "accepted.jsonl") for _ in range(2))
    for file, text in ((old, b"one\n"), (new, b"two\n"), (old, b"three\n"), (new, b"four\n")):
        file.append(text)
    for file in (old, new):
        file.close()
    assert old.path.read_text().split() == ["one", "two", "three", "four"]


def test_syncing_leaves_no_descriptor_open(tmp_path: Path) -> None:
    file = AuditFile(tmp_path / "accepted.jsonl")
    file.append(b"one\n")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        file.sync()
    assert len(os.listdir("/proc/self/fd")) == before
    file.close()


@pytest.mark.parametrize(
    ("host", "name"), [("publisher-1", "publisher-1"), ("../a b", "..-a-b"), ("", "unnamed")]
)
def test_each_host_has_a_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert audit_path(tmp_path) == tmp_path / f"accepted-{name}.jsonl"

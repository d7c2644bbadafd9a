"""What a power cut or a bad disk left of the queue is repaired where nothing was accepted, and
refused and left alone where it was."""

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.layout import DataFolder, StartRefused
from local.recovery import repair_queue
from local.redis_program import RedisProgram
from tests.integration.local.conftest import running

BEGUN = (
    b"*1\r\n$5\r\nMULTI\r\n*5\r\n$4\r\nXADD\r\n$6\r\norders\r\n$3\r\n9-1\r\n"
    b"$5\r\norder\r\n$90\r\nab"
)
ZEROES = bytes(4096)


@pytest.fixture(scope="module")
def accepted(program: RedisProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with orders, some added before a rewrite and some after it, as the publisher
    adds them."""
    folder = tmp_path_factory.mktemp("accepted")

    async def accept() -> None:
        async with running(folder, program) as (client, child):
            for number in range(6):
                if number == 3:
                    await client.bgrewriteaof()
                    async with asyncio.timeout(30):
                        while (await client.info("persistence"))["aof_rewrite_in_progress"]:
                            await asyncio.sleep(0.02)
                async with client.pipeline(transaction=True) as pipe:
                    pipe.xadd("orders", {"order": str(number)})
                    pipe.set(f"idem:g:{number}", "f queued")
                    await pipe.execute()
            child.kill()

    asyncio.run(accept())
    return folder


@pytest.fixture
def data(accepted: Path, tmp_path: Path) -> DataFolder:
    """A copy to damage."""
    shutil.copytree(accepted, tmp_path, dirs_exist_ok=True)
    return DataFolder(tmp_path)


def appended(data: DataFolder) -> Path:
    """The file to which Redis was appending, whichever the layout."""
    queue = data.redis("queue")
    (file,) = [*queue.glob("appendonlydir/*.incr.aof"), *queue.glob("appendonly.aof")]
    return file


@pytest.mark.parametrize(
    "left",
    [b"", ZEROES, b"\0", BEGUN, BEGUN + ZEROES, b"*3\r\n$4" + ZEROES],
    ids=["whole", "zeroes", "one zero", "begun", "begun, then zeroes", "a length, then zeroes"],
)
async def test_what_a_power_cut_leaves_behind_the_last_order_is_cut_off(
    data: DataFolder, program: RedisProgram, left: bytes
) -> None:
    said: list[str] = []
    appended(data).write_bytes(appended(data).read_bytes() + left)
    repair_queue(data, program, said.append)
    assert [line.partition(" off ")[0] for line in said] == [f"cut {len(left)} bytes"] * bool(left)
    async with running(data.path, program) as (client, _):
        entries: Any = await client.xrange("orders")
        orders = [fields[b"order"] for _, fields in entries]
    assert orders == [b"%d" % number for number in range(6)]


def damage_base(content: bytes) -> bytes:
    return content[:60]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-90] + ZEROES + content[-90:],
        lambda content: content[:-90] + bytes(30) + content[-60:],
        # A length that reaches over the end: Redis would start without all that follows.
        lambda content: re.sub(rb"\$1\r\n4\r\n", b"$999999\r\n4\r\n", content),
        lambda content: os.urandom(len(content)),
        damage_base,
    ],
    ids=["zeroes inside", "a hole", "a length", "garbage", "base"],
)
def test_a_queue_that_has_lost_orders_is_refused_in_one_sentence_and_left_alone(
    data: DataFolder, program: RedisProgram, damage: Callable[[bytes], bytes]
) -> None:
    file = appended(data)
    if damage is damage_base:  # of 6.2 the one file begins with it
        file = next(data.redis("queue").glob("appendonlydir/*.base.rdb"), file)
    file.write_bytes(damage(file.read_bytes()))
    assert_refused_and_left_alone(data, program)


def assert_refused_and_left_alone(data: DataFolder, program: RedisProgram) -> None:
    before = contents_of(data.redis("queue"))
    with pytest.raises(StartRefused, match=r"\A.*docs/operations\.md.*\Z"):
        repair_queue(data, program, pytest.fail)
    assert contents_of(data.redis("queue")) == before


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("program", ["of the machine"], indirect=True)
@pytest.mark.parametrize(
    "lost",
    ["half of the manifest", "the manifest", "a file that it names", "the end of an older file"],
)
def test_a_queue_in_several_files_is_refused_without_one_of_them(
    data: DataFolder, program: RedisProgram, lost: str
) -> None:
    """Without a manifest Redis would start empty."""
    if program.version < (7, 0):
        pytest.skip("Redis 6.2 keeps one file")
    commands = appended(data)
    (manifest,) = commands.parent.glob("*.manifest")
    if lost == "half of the manifest":
        os.truncate(manifest, 50)
    elif lost == "the end of an older file":
        # As a rewrite leaves it that did not come to an end.
        newer = commands.with_name("appendonly.aof.9.incr.aof")
        newer.write_bytes(commands.read_bytes())
        commands.write_bytes(commands.read_bytes() + BEGUN)
        manifest.write_text(f"{manifest.read_text()}file {newer.name} seq 9 type i\n")
    else:
        (manifest if lost == "the manifest" else commands).unlink()
    assert_refused_and_left_alone(data, program)


@pytest.mark.parametrize("left", ["", "file appendonly.aof.1.ba"])
async def test_a_first_start_that_was_interrupted_is_begun_anew(
    tmp_path: Path, program: RedisProgram, left: str
) -> None:
    async with running(tmp_path, program) as (_, child):
        child.kill()
    data = DataFolder(tmp_path)
    for manifest in data.redis("queue").glob("appendonlydir/*.manifest"):
        manifest.write_text(left)
    repair_queue(data, program, pytest.fail)
    async with running(tmp_path, program) as (client, _):
        assert await client.xadd("orders", {"order": "1"})

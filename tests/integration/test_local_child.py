"""Children of the launcher end when they are told to, and when nobody is left to tell them."""

import asyncio
import errno
import fcntl
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from local.child import Child, ChildFailed, ChildSpec, Household, Probe
from local.guard import LogFile
from local.launcher import Launcher
from local.layout import DataFolder, Ports
from local.plan import Plan
from tests.disks import SmallDisk, small_disk
from tests.servers import free_port

# Ready at once, ends by SIGTERM, and says how it ended.
SLEEPER = """
import os, signal, sys, time
def end(*_):
    os.write(1, b"ending\\n")  # `print` may be under way
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("started", flush=True)
while True:
    time.sleep(60)
"""
STUBBORN = SLEEPER.replace("sys.exit(0)", "pass")
PARENT = """
import subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(inner.pid, flush=True)
sys.exit(0)
"""
LISTENER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = server.accept()
connection.sendall(b"yes")
connection.close()
"""


def sleeper(name: str = "sleeper", code: str = SLEEPER, **changes: object) -> ChildSpec:
    spec = ChildSpec(name, (sys.executable, "-c", code))
    return replace(spec, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def household(tmp_path: Path) -> AsyncIterator[Household]:
    folder = DataFolder(tmp_path)
    folder.prepare()
    lock = folder.lock(lambda: None)
    last_read, last_write = os.pipe()
    yield Household(folder, lock, last_read, last_write)
    for descriptor in (lock, last_read, last_write):
        with suppress(OSError):
            os.close(descriptor)


def log_of(household: Household, name: str = "sleeper") -> str:
    path = household.folder.log(name)
    return path.read_text() if path.exists() else ""


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def pid_of(household: Household, name: str = "sleeper", said: str = "started") -> int:
    path = household.folder.pid(name)
    await until(lambda: path.exists() and said in log_of(household, name))
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_a_child_is_told_to_end_and_leaves_a_log_and_no_pid(household: Household) -> None:
    child = Child(sleeper(), household)
    task = asyncio.create_task(child.keep_running())
    await pid_of(household)
    child.stop()
    assert await task == 0
    assert log_of(household) == "started\nending\n"
    assert not household.folder.pid("sleeper").exists()


async def test_a_child_ends_in_its_own_time_when_the_launcher_is_gone(
    household: Household,
) -> None:
    guard = await household.spawn(sleeper(), ends_last=False)
    pid = await pid_of(household)
    assert guard.stdin is not None
    guard.stdin.close()  # what the kernel does for a launcher that was killed
    assert await guard.wait() == 0
    assert not is_alive(pid)
    assert "ending" in log_of(household)


async def test_a_child_that_does_not_end_is_killed(household: Household) -> None:
    child = Child(sleeper(code=STUBBORN, grace_seconds=0.3), household)
    task = asyncio.create_task(child.keep_running())
    pid = await pid_of(household)
    child.stop()
    assert await task == 128 + signal.SIGKILL
    assert not is_alive(pid)


async def test_who_is_in_a_hurry_does_not_wait(household: Household) -> None:
    child = Child(sleeper(code=STUBBORN, grace_seconds=600), household)
    task = asyncio.create_task(child.keep_running())
    await pid_of(household)
    child.stop()
    await until(lambda: "ending" in log_of(household))
    child.kill()
    assert await task == 128 + signal.SIGKILL


async def test_a_paused_child_can_be_stopped(household: Household) -> None:
    child = Child(sleeper(), household)
    task = asyncio.create_task(child.keep_running())
    os.kill(await pid_of(household), signal.SIGSTOP)
    child.stop()
    assert await task == 0


async def test_what_a_child_leaves_running_is_ended(household: Household) -> None:
    guard = await household.spawn(sleeper(code=PARENT), ends_last=False)
    assert await guard.wait() == 0
    await until(lambda: not is_alive(int(log_of(household))))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
async def test_a_child_ends_even_if_its_guard_is_killed(household: Household) -> None:
    guard = await household.spawn(sleeper(), ends_last=False)
    pid = await pid_of(household)
    guard.kill()
    await guard.wait()
    await until(lambda: not is_alive(pid))


async def test_guards_do_not_mind_signals(household: Household) -> None:
    guard = await household.spawn(sleeper(), ends_last=False)
    pid = await pid_of(household)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guard.send_signal(number)
    assert guard.stdin is not None
    guard.stdin.close()
    assert await guard.wait() == 0
    assert not is_alive(pid)


async def test_backing_services_go_after_those_that_need_them(household: Household) -> None:
    """Also when the launcher was killed: its pipes close all at once."""
    redis = await household.spawn(sleeper("redis"), ends_last=True)
    service = await household.spawn(
        sleeper("service", STUBBORN, grace_seconds=1.0), ends_last=False
    )
    redis_pid, service_pid = await pid_of(household, "redis"), await pid_of(household, "service")
    os.close(household.last_write)
    for guard in (redis, service):
        assert guard.stdin is not None
        guard.stdin.close()
    await until(lambda: "ending" in log_of(household, "service"))
    assert is_alive(service_pid)
    assert is_alive(redis_pid)
    assert await service.wait() == 128 + signal.SIGKILL
    assert await redis.wait() == 0


async def test_the_folder_stays_claimed_until_the_last_child_has_gone(
    household: Household,
) -> None:
    guard = await household.spawn(sleeper(code=STUBBORN, grace_seconds=0.5), ends_last=False)
    await pid_of(household)
    os.close(household.lock)
    assert is_claimed(household.folder)
    assert guard.stdin is not None
    guard.stdin.close()
    await guard.wait()
    assert not is_claimed(household.folder)


def is_claimed(folder: DataFolder) -> bool:
    with (folder.path / "run" / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


async def test_a_child_that_ends_is_started_again_and_the_line_says_so(
    household: Household, capfd: pytest.CaptureFixture[str]
) -> None:
    child = Child(sleeper(), household)
    task = asyncio.create_task(child.keep_running())
    first = await pid_of(household)
    await child.ready.wait()
    os.kill(first, signal.SIGKILL)
    await until(lambda: log_of(household).count("started") == 2)
    assert "sleeper       ended (SIGKILL): starting again in 0.5 s" in capfd.readouterr().out
    child.stop()
    assert await task == 0


async def test_five_ends_in_a_row_before_it_was_ready_are_enough(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._FIRST_PAUSE_SECONDS", 0.01)
    never = Probe(free_port(), b"", b"yes")
    spec = sleeper(code="print('no such setting'); raise SystemExit(3)", probe=never)
    with pytest.raises(ChildFailed) as failure:
        await Child(spec, household).keep_running()
    assert "sleeper ended 5 times in a row before it was ready (exit 3)" in str(failure.value)
    assert "no such setting" in str(failure.value)
    assert log_of(household).count("no such setting") == 5


@pytest.fixture
def disk(household: Household) -> Iterator[SmallDisk]:
    """The household's data folder, on a file system of its own."""
    with small_disk(household.folder.path, 16) as disk:
        for name in ("run", "log"):
            (household.folder.path / name).rename(household.folder.path / f"old-{name}")
            (disk.path / name).mkdir()
            (household.folder.path / name).symlink_to(disk.path / name)
        yield disk


async def test_ends_on_a_full_disk_do_not_count(
    household: Household,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("local.child._FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("local.endings._ROOM_POLL_SECONDS", 0.01)
    disk.fill()
    never, ends = Probe(free_port(), b"", b"yes"), household.folder.path / "ends"
    code = f"open({str(ends)!r}, 'a').write('x'); raise SystemExit(3)"
    child = Child(sleeper(code=code, probe=never), household)
    running = asyncio.create_task(child.keep_running())
    said = ""

    def has_said(text: str) -> bool:
        nonlocal said
        said += capfd.readouterr().out
        return text in said

    await until(lambda: has_said("(no space left on device); starting again once that is over"))
    disk.free()
    with pytest.raises(ChildFailed, match="ended 5 times in a row"):
        await running
    assert has_said("there is room again: starting")
    assert ends.read_text() == "x" * (1 + 5)


async def test_a_child_lives_through_a_full_disk_and_its_files_come_when_there_is_room(
    household: Household, disk: SmallDisk
) -> None:
    code = SLEEPER.replace("time.sleep(60)", "time.sleep(0.01); print('more', flush=True)")
    disk.fill()
    guard = await household.spawn(sleeper(code=code), ends_last=False)
    await until(lambda: guard.returncode is None and is_running_below(guard.pid))
    disk.free()
    assert is_alive(await pid_of(household, said="more"))
    assert guard.stdin is not None
    guard.stdin.close()
    assert await guard.wait() == 0


def is_running_below(guard: int) -> bool:
    """Whether the guard has started its child."""
    return bool(Path(f"/proc/{guard}/task/{guard}/children").read_text())


async def test_a_log_goes_on_after_a_disk_too_full_to_turn_it_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogFile(tmp_path / "a.log", max_bytes=10)
    log.write(b"first\n")
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", failing(errno.ENOSPC))
        log.write(b"lost\n\n")
    log.write(b"second\n")
    log.close()
    assert (tmp_path / "a.log").read_bytes() == b"second\n"


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


async def test_a_command_that_found_the_disk_full_runs_again(
    household: Household, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first migration, for one."""
    disk.fill()
    code = f"open({str(disk.path / 'rows')!r}, 'w').write('row' * 9999)"
    launcher = Launcher(Plan(household.folder, Ports(), None), household, parent=None)
    running = asyncio.create_task(launcher._run_to_end(sleeper(code=code)))
    await until(lambda: "no space left on device" in capfd.readouterr().out)
    disk.free()
    await running
    assert (disk.path / "rows").stat().st_size == 3 * 9999


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM])
async def test_a_machine_too_busy_for_a_new_process_is_waited_out(
    household: Household,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
) -> None:
    monkeypatch.setattr("local.child._FIRST_PAUSE_SECONDS", 0.01)
    child = Child(sleeper(), household)
    with monkeypatch.context() as busy:
        busy.setattr(asyncio, "create_subprocess_exec", failing(number))
        task = asyncio.create_task(child.keep_running())
        await until(lambda: f"not started ({os.strerror(number)})" in capfd.readouterr().out)
    await pid_of(household)
    child.stop()
    assert await task == 0


async def test_ends_after_it_was_ready_do_not_count(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("local.child._LONGEST_PAUSE_SECONDS", 0.01)
    port, broken = free_port(), household.folder.path / "broken"
    code = f"import os; assert not os.path.exists({str(broken)!r}); print('run', flush=True)"
    spec = ChildSpec(
        "listener",
        (sys.executable, "-c", f"{code}{LISTENER}", str(port)),
        probe=Probe(port, b"", b"yes"),
    )
    child = Child(spec, household)
    task = asyncio.create_task(child.keep_running())
    # It answers once, and so is ready, and then ends.
    await until(lambda: log_of(household, "listener").count("run") > 6)
    broken.touch()
    with pytest.raises(ChildFailed, match="5 times in a row"):
        await asyncio.wait_for(task, 30)


async def test_a_child_that_is_between_two_starts_can_be_stopped(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._FIRST_PAUSE_SECONDS", 600)
    child = Child(sleeper(code="print('run')"), household)
    task = asyncio.create_task(child.keep_running())
    await until(lambda: "run" in log_of(household) and not household.folder.pid("sleeper").exists())
    child.stop()
    assert await task == 0


async def test_logs_stay_small(household: Household) -> None:
    line = "x" * 1023
    code = f"for _ in range(12 * 1024): print({line!r})"
    guard = await household.spawn(sleeper(code=code, quiet=True), ends_last=False)
    assert await guard.wait() == 0
    log = household.folder.log("sleeper")
    sizes = [log.stat().st_size, log.with_name(f"{log.name}.1").stat().st_size]
    assert all(0 < size <= 5 * 1024 * 1024 for size in sizes)
    assert len(list(log.parent.iterdir())) == 2

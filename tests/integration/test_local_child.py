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

from local.child import Child, ChildFailed, ChildSpec, Probe, Spawner
from local.launcher import Launcher
from local.layout import DataFolder, Ports
from local.plan import Plan
from local.supervisor import LogFile
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
async def spawner(tmp_path: Path) -> AsyncIterator[Spawner]:
    folder = DataFolder(tmp_path)
    folder.prepare()
    lock = folder.lock(lambda: None)
    dependents_read, dependents_write = os.pipe()
    yield Spawner(folder, lock, dependents_read, dependents_write)
    for descriptor in (lock, dependents_read, dependents_write):
        with suppress(OSError):
            os.close(descriptor)


def log_of(spawner: Spawner, name: str = "sleeper") -> str:
    path = spawner.folder.log(name)
    return path.read_text() if path.exists() else ""


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def pid_of(spawner: Spawner, name: str = "sleeper", said: str = "started") -> int:
    path = spawner.folder.pid(name)
    await until(lambda: path.exists() and said in log_of(spawner, name))
    return int(path.read_text())


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


async def test_a_child_is_told_to_end_and_leaves_a_log_and_no_pid(spawner: Spawner) -> None:
    child = Child(sleeper(), spawner)
    task = asyncio.create_task(child.keep_running())
    await pid_of(spawner)
    child.stop()
    assert await task == 0
    assert log_of(spawner) == "started\nending\n"
    assert not spawner.folder.pid("sleeper").exists()


async def test_a_child_ends_in_its_own_time_when_the_launcher_is_gone(
    spawner: Spawner,
) -> None:
    supervisor = await spawner.spawn(sleeper(), stops_last=False)
    pid = await pid_of(spawner)
    assert supervisor.stdin is not None
    supervisor.stdin.close()  # what the kernel does for a launcher that was killed
    assert await supervisor.wait() == 0
    assert not is_alive(pid)
    assert "ending" in log_of(spawner)


async def test_a_child_that_does_not_end_is_killed(spawner: Spawner) -> None:
    child = Child(sleeper(code=STUBBORN, grace_seconds=0.3), spawner)
    task = asyncio.create_task(child.keep_running())
    pid = await pid_of(spawner)
    child.stop()
    assert await task == 128 + signal.SIGKILL
    assert not is_alive(pid)


async def test_who_is_in_a_hurry_does_not_wait(spawner: Spawner) -> None:
    child = Child(sleeper(code=STUBBORN, grace_seconds=600), spawner)
    task = asyncio.create_task(child.keep_running())
    await pid_of(spawner)
    child.stop()
    await until(lambda: "ending" in log_of(spawner))
    child.kill()
    assert await task == 128 + signal.SIGKILL


async def test_a_paused_child_can_be_stopped(spawner: Spawner) -> None:
    child = Child(sleeper(), spawner)
    task = asyncio.create_task(child.keep_running())
    os.kill(await pid_of(spawner), signal.SIGSTOP)
    child.stop()
    assert await task == 0


async def test_what_a_child_leaves_running_is_ended(spawner: Spawner) -> None:
    supervisor = await spawner.spawn(sleeper(code=PARENT), stops_last=False)
    assert await supervisor.wait() == 0
    await until(lambda: not is_alive(int(log_of(spawner))))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
async def test_a_child_ends_even_if_its_guard_is_killed(spawner: Spawner) -> None:
    supervisor = await spawner.spawn(sleeper(), stops_last=False)
    pid = await pid_of(spawner)
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not is_alive(pid))


async def test_supervisors_do_not_mind_signals(spawner: Spawner) -> None:
    supervisor = await spawner.spawn(sleeper(), stops_last=False)
    pid = await pid_of(spawner)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        supervisor.send_signal(number)
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    assert await supervisor.wait() == 0
    assert not is_alive(pid)


async def test_backing_services_go_after_those_that_need_them(spawner: Spawner) -> None:
    """Also when the launcher was killed: its pipes close all at once."""
    redis = await spawner.spawn(sleeper("redis"), stops_last=True)
    service = await spawner.spawn(sleeper("service", STUBBORN, grace_seconds=1.0), stops_last=False)
    redis_pid, service_pid = await pid_of(spawner, "redis"), await pid_of(spawner, "service")
    os.close(spawner.dependents_write)
    for supervisor in (redis, service):
        assert supervisor.stdin is not None
        supervisor.stdin.close()
    await until(lambda: "ending" in log_of(spawner, "service"))
    assert is_alive(service_pid)
    assert is_alive(redis_pid)
    assert await service.wait() == 128 + signal.SIGKILL
    assert await redis.wait() == 0


async def test_the_folder_stays_claimed_until_the_last_child_has_gone(
    spawner: Spawner,
) -> None:
    supervisor = await spawner.spawn(sleeper(code=STUBBORN, grace_seconds=0.5), stops_last=False)
    await pid_of(spawner)
    os.close(spawner.lock)
    assert is_claimed(spawner.folder)
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    await supervisor.wait()
    assert not is_claimed(spawner.folder)


def is_claimed(folder: DataFolder) -> bool:
    with (folder.path / "run" / "lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


async def test_a_child_that_ends_is_started_again_and_the_line_says_so(
    spawner: Spawner, capfd: pytest.CaptureFixture[str]
) -> None:
    child = Child(sleeper(), spawner)
    task = asyncio.create_task(child.keep_running())
    first = await pid_of(spawner)
    await child.ready.wait()
    os.kill(first, signal.SIGKILL)
    await until(lambda: log_of(spawner).count("started") == 2)
    assert "sleeper       ended (SIGKILL): starting again in 0.5 s" in capfd.readouterr().out
    child.stop()
    assert await task == 0


async def test_five_ends_in_a_row_before_it_was_ready_are_enough(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.01)
    never = Probe(free_port(), b"", b"yes")
    spec = sleeper(code="print('no such setting'); raise SystemExit(3)", probe=never)
    with pytest.raises(ChildFailed) as failure:
        await Child(spec, spawner).keep_running()
    assert "sleeper ended 5 times in a row before it was ready (exit 3)" in str(failure.value)
    assert "no such setting" in str(failure.value)
    assert log_of(spawner).count("no such setting") == 5


@pytest.fixture
def disk(spawner: Spawner) -> Iterator[SmallDisk]:
    """The spawner's data folder, on a file system of its own."""
    with small_disk(spawner.folder.path, 16) as disk:
        for name in ("run", "log"):
            (spawner.folder.path / name).rename(spawner.folder.path / f"old-{name}")
            (disk.path / name).mkdir()
            (spawner.folder.path / name).symlink_to(disk.path / name)
        yield disk


async def test_ends_on_a_full_disk_do_not_count(
    spawner: Spawner,
    disk: SmallDisk,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("local.exit_status._WRITABLE_POLL_SECONDS", 0.01)
    disk.fill()
    never, ends = Probe(free_port(), b"", b"yes"), spawner.folder.path / "ends"
    code = f"open({str(ends)!r}, 'a').write('x'); raise SystemExit(3)"
    child = Child(sleeper(code=code, probe=never), spawner)
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
    assert has_said("there is space again: starting")
    assert ends.read_text() == "x" * (1 + 5)


async def test_a_child_lives_through_a_full_disk_and_its_files_come_when_there_is_room(
    spawner: Spawner, disk: SmallDisk
) -> None:
    code = SLEEPER.replace("time.sleep(60)", "time.sleep(0.01); print('more', flush=True)")
    disk.fill()
    supervisor = await spawner.spawn(sleeper(code=code), stops_last=False)
    await until(lambda: supervisor.returncode is None and is_running_below(supervisor.pid))
    disk.free()
    assert is_alive(await pid_of(spawner, said="more"))
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    assert await supervisor.wait() == 0


def is_running_below(supervisor: int) -> bool:
    """Whether the supervisor has started its child."""
    return bool(Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text())


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
    spawner: Spawner, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first migration, for one."""
    disk.fill()
    code = f"open({str(disk.path / 'rows')!r}, 'w').write('row' * 9999)"
    launcher = Launcher(Plan(spawner.folder, Ports(), None), spawner, parent=None)
    running = asyncio.create_task(launcher._run_job(sleeper(code=code)))
    await until(lambda: "no space left on device" in capfd.readouterr().out)
    disk.free()
    await running
    assert (disk.path / "rows").stat().st_size == 3 * 9999


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EAGAIN, errno.ENOMEM])
async def test_a_machine_too_busy_for_a_new_process_is_waited_out(
    spawner: Spawner,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    number: int,
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.01)
    child = Child(sleeper(), spawner)
    with monkeypatch.context() as busy:
        busy.setattr(asyncio, "create_subprocess_exec", failing(number))
        task = asyncio.create_task(child.keep_running())
        await until(lambda: f"not started ({os.strerror(number)})" in capfd.readouterr().out)
    await pid_of(spawner)
    child.stop()
    assert await task == 0


async def test_ends_after_it_was_ready_do_not_count(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("local.child._MAX_BACKOFF_SECONDS", 0.01)
    port, broken = free_port(), spawner.folder.path / "broken"
    code = f"import os; assert not os.path.exists({str(broken)!r}); print('run', flush=True)"
    spec = ChildSpec(
        "listener",
        (sys.executable, "-c", f"{code}{LISTENER}", str(port)),
        probe=Probe(port, b"", b"yes"),
    )
    child = Child(spec, spawner)
    task = asyncio.create_task(child.keep_running())
    # It answers once, and so is ready, and then ends.
    await until(lambda: log_of(spawner, "listener").count("run") > 6)
    broken.touch()
    with pytest.raises(ChildFailed, match="5 times in a row"):
        await asyncio.wait_for(task, 30)


async def test_a_child_that_is_between_two_starts_can_be_stopped(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 600)
    child = Child(sleeper(code="print('run')"), spawner)
    task = asyncio.create_task(child.keep_running())
    await until(lambda: "run" in log_of(spawner) and not spawner.folder.pid("sleeper").exists())
    child.stop()
    assert await task == 0


async def test_logs_stay_small(spawner: Spawner) -> None:
    line = "x" * 1023
    code = f"for _ in range(12 * 1024): print({line!r})"
    supervisor = await spawner.spawn(sleeper(code=code, quiet=True), stops_last=False)
    assert await supervisor.wait() == 0
    log = spawner.folder.log("sleeper")
    sizes = [log.stat().st_size, log.with_name(f"{log.name}.1").stat().st_size]
    assert all(0 < size <= 5 * 1024 * 1024 for size in sizes)
    assert len(list(log.parent.iterdir())) == 2

"""Children of the launcher end on its command, and when the launcher is gone."""

import asyncio
import errno
import fcntl
import os
import signal
import sys
from asyncio import Task
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.child import Child, ChildFailed, ChildSpec, Probe, Spawner
from local.free_port import free_port
from local.launcher import Launcher
from local.layout import DataFolder, Ports
from local.plan import Plan
from tests.disks import SmallDisk, small_disk
from tests.waiting import eventually_async as eventually

# Ready at once, ends by SIGTERM, and says how it ended.
SLEEPER = """
import os, signal, sys, time
def end(*_):
    os.write(1, b"ending\\n")  # `print` may be under way
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("started", flush=True)
while True:
    time.sleep(0.1)
"""
STUBBORN = SLEEPER.replace("sys.exit(0)", "pass")
PARENT = """
import subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(inner.pid, flush=True)
sys.exit(0)
"""
LISTENER = """
import os, socket, sys
assert not os.path.exists(sys.argv[2])
print("run", flush=True)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
connection, _ = server.accept()
connection.sendall(b"yes")
connection.close()
"""
KILLED = 128 + signal.SIGKILL


def sleeper(name: str = "sleeper", code: str = SLEEPER, **changes: Any) -> ChildSpec:
    return replace(ChildSpec(name, (sys.executable, "-c", code)), **changes)


def never_ready(code: str) -> ChildSpec:
    return sleeper(code=code, probe=Probe(free_port(), b"", b"yes"))


@pytest.fixture
async def spawner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Spawner]:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr("local.child._MAX_BACKOFF_SECONDS", 0.01)
    folder = DataFolder(tmp_path)
    folder.prepare()
    lock = folder.lock(lambda: None)
    dependents_read, dependents_write = os.pipe()
    yield Spawner(folder, lock, dependents_read, dependents_write)
    for descriptor in (lock, dependents_read, dependents_write):
        with suppress(OSError):
            os.close(descriptor)


def start(spawner: Spawner, spec: ChildSpec) -> tuple[Child, Task[int]]:
    child = Child(spec, spawner)
    return child, asyncio.create_task(child.keep_running())


def log_of(spawner: Spawner, name: str = "sleeper") -> str:
    path = spawner.folder.log(name)
    return path.read_text() if path.exists() else ""


async def pid_of(spawner: Spawner, name: str = "sleeper", said: str = "started") -> int:
    """Once it has said so."""
    path = spawner.folder.pid(name)
    await eventually(
        lambda: log_of(spawner, name) if path.exists() else "", lambda log: said in log
    )
    return int(path.read_text())


async def disconnect(supervisor: Process) -> int:
    """What the kernel does for a launcher that was killed; returns the exit code."""
    assert supervisor.stdin is not None
    supervisor.stdin.close()
    return await supervisor.wait()


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("code", "grace", "before", "exit_code"),
    [
        (SLEEPER, 25, None, 0),
        (SLEEPER, 25, signal.SIGSTOP, 0),  # a paused one
        (STUBBORN, 0.3, None, KILLED),
    ],
)
async def test_a_child_ends_on_command_and_leaves_a_log_and_no_pid(
    spawner: Spawner, code: str, grace: float, before: signal.Signals | None, exit_code: int
) -> None:
    child, task = start(spawner, sleeper(code=code, grace_seconds=grace))
    pid = await pid_of(spawner)
    if before is not None:
        os.kill(pid, before)
    child.stop()
    assert await task == exit_code
    assert not is_alive(pid)
    assert log_of(spawner) == "started\nending\n"
    assert not spawner.folder.pid("sleeper").exists()


async def test_a_child_leaves_the_processors_to_others_in_its_session_and_to_other_sessions(
    spawner: Spawner,
) -> None:
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    child, running = start(spawner, sleeper(niceness=5))
    pid = await pid_of(spawner)
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, usual + 5)
    of_process = Path(f"/proc/{pid}")
    if "autogroup" in os.listdir(of_process):
        of_session = of_process / "autogroup"
        await eventually(of_session.read_text, lambda text: text.endswith(" nice 5\n"))
    child.stop()
    await running


async def test_a_kill_ends_the_grace_period(spawner: Spawner) -> None:
    child, task = start(spawner, sleeper(code=STUBBORN, grace_seconds=600))
    await pid_of(spawner)
    child.stop()
    await eventually(lambda: log_of(spawner), lambda log: "ending" in log)
    child.kill()
    assert await task == KILLED


async def test_a_supervisor_ignores_signals_and_ends_its_child_when_the_launcher_is_gone(
    spawner: Spawner,
) -> None:
    supervisor = await spawner.spawn(sleeper(), stops_last=False)
    pid = await pid_of(spawner)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        supervisor.send_signal(number)
    assert await disconnect(supervisor) == 0
    assert not is_alive(pid)
    assert "ending" in log_of(spawner)


async def test_what_a_child_leaves_running_is_ended(spawner: Spawner) -> None:
    supervisor = await spawner.spawn(sleeper(code=PARENT), stops_last=False)
    assert await supervisor.wait() == 0
    await eventually(lambda: not is_alive(int(log_of(spawner))))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent death signal is Linux's")
async def test_a_child_ends_even_if_its_supervisor_is_killed(spawner: Spawner) -> None:
    supervisor = await spawner.spawn(sleeper(), stops_last=False)
    pid = await pid_of(spawner)
    supervisor.kill()
    await supervisor.wait()
    await eventually(lambda: not is_alive(pid))


async def test_backing_services_end_after_their_clients_and_the_claim_after_all(
    spawner: Spawner,
) -> None:
    """Also when the launcher was killed: its descriptors close all at once."""
    redis = await spawner.spawn(sleeper("redis"), stops_last=True)
    client = sleeper("service", STUBBORN, grace_seconds=1.0)
    service = await spawner.spawn(client, stops_last=False)
    pids = [await pid_of(spawner, "redis"), await pid_of(spawner, "service")]
    for descriptor in (spawner.dependents_write, spawner.lock):
        os.close(descriptor)
    for supervisor in (redis, service):
        assert supervisor.stdin is not None
        supervisor.stdin.close()
    await eventually(lambda: log_of(spawner, "service"), lambda log: "ending" in log)
    assert all(map(is_alive, pids))
    assert is_claimed(spawner.folder)
    assert await service.wait() == KILLED
    assert await redis.wait() == 0
    assert not is_claimed(spawner.folder)


def is_claimed(folder: DataFolder) -> bool:
    with folder.lock_file.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


async def test_a_child_that_ends_is_restarted_and_the_line_says_so(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 0.1)
    monkeypatch.setattr("local.child._MAX_BACKOFF_SECONDS", 0.5)
    child, task = start(spawner, sleeper())
    said = ""
    for starts, pause in ((1, "0.1"), (2, "0.2"), (3, "0.4"), (4, "0.5")):
        await eventually(lambda n=starts: log_of(spawner).count("started") == n)
        await child.ready.wait()
        os.kill(await pid_of(spawner), signal.SIGKILL)
        line = f"sleeper       ended (SIGKILL): starting again in {pause} s"
        said = await eventually(
            lambda: capfd.readouterr().out, lambda said, line=line: line in said
        )
    assert said.count("\n") == 1
    child.stop()
    assert await task in (0, KILLED)


async def test_five_ends_in_a_row_are_enough_unless_it_was_ready_before(spawner: Spawner) -> None:
    port, broken = free_port(), spawner.folder.path / "broken"
    command = (sys.executable, "-c", LISTENER, str(port), str(broken))
    # It answers once, and so is ready, and then ends.
    _, task = start(spawner, ChildSpec("listener", command, probe=Probe(port, b"", b"yes")))
    await eventually(lambda: log_of(spawner, "listener").count("run") > 6)
    broken.touch()
    with pytest.raises(ChildFailed) as failure:
        await asyncio.wait_for(task, 30)
    reason = "listener ended 5 times in a row before it was ready (exit 1)"
    assert str(failure.value).startswith(reason)
    assert str(failure.value).endswith("AssertionError")  # the end of its log


async def test_a_child_that_is_between_two_starts_can_be_stopped(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("local.child._MIN_BACKOFF_SECONDS", 600)
    monkeypatch.setattr("local.child._MAX_BACKOFF_SECONDS", 600)
    child, task = start(spawner, sleeper(code="print('run')"))
    await eventually(lambda: capfd.readouterr().out, lambda said: "starting again" in said)
    child.stop()
    assert await asyncio.wait_for(task, 10) == 0


async def test_a_machine_too_busy_for_a_new_process_is_waited_out(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    busy = [errno.EMFILE, errno.EAGAIN, errno.ENOMEM, errno.ENFILE]
    reasons = [f"not started ({os.strerror(number)})" for number in busy]
    create = asyncio.create_subprocess_exec

    async def create_if_not_busy(*arguments: Any, **options: Any) -> Process:
        if busy:
            raise OSError(number := busy.pop(0), os.strerror(number))
        return await create(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", create_if_not_busy)
    child, task = start(spawner, sleeper())
    await pid_of(spawner)
    said = capfd.readouterr().out
    assert [reason for reason in reasons if reason not in said] == []
    child.stop()
    assert await task == 0


@pytest.fixture
def disk(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """The data folder on a file system of its own, which is full."""
    monkeypatch.setattr("local.exit_status._WRITABLE_POLL_SECONDS", 0.01)
    with small_disk(spawner.folder.path, 16) as disk:
        for name in ("run", "log"):
            (spawner.folder.path / name).rename(spawner.folder.path / f"old-{name}")
            (disk.path / name).mkdir()
            (spawner.folder.path / name).symlink_to(disk.path / name)
        disk.fill()
        yield disk


async def test_ends_on_a_full_disk_do_not_count(
    spawner: Spawner, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    ends = spawner.folder.path / "ends"
    code = f"open({str(ends)!r}, 'a').write('x'); raise SystemExit(3)"
    _, task = start(spawner, never_ready(code))
    full = "(no space left on device); starting again once that is over"
    await eventually(lambda: capfd.readouterr().out, lambda said: full in said)
    disk.free()
    with pytest.raises(ChildFailed, match="ended 5 times in a row"):
        await task
    assert "there is space again: starting" in capfd.readouterr().out
    assert ends.read_text() == "x" * (1 + 5)


async def test_a_child_lives_through_a_full_disk_and_its_files_come_when_there_is_space(
    spawner: Spawner, disk: SmallDisk
) -> None:
    code = SLEEPER.replace("time.sleep(0.1)", "time.sleep(0.01); print('more', flush=True)")
    supervisor = await spawner.spawn(sleeper(code=code), stops_last=False)
    children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children")
    await eventually(children.read_text)  # it has started its child
    disk.free()
    assert is_alive(await pid_of(spawner, said="more"))
    assert await disconnect(supervisor) == 0


async def test_an_init_job_that_found_the_disk_full_runs_again(
    spawner: Spawner, disk: SmallDisk, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first migration, for one."""
    code = f"open({str(disk.path / 'rows')!r}, 'w').write('row' * 9999)"
    launcher = Launcher(Plan(spawner.folder, Ports(), None), spawner, parent=None)
    running = asyncio.create_task(launcher._run_job(sleeper(code=code)))
    full = "no space left on device"
    await eventually(lambda: capfd.readouterr().out, lambda said: full in said)
    disk.free()
    await running
    assert (disk.path / "rows").stat().st_size == 3 * 9999

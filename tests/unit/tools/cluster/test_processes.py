"""Daemons: known by a file, never mistaken for a stranger with the same pid."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.cluster.processes import ClusterFailed, Daemon, began, run


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon("sleeper", tmp_path)
    yield one
    one.stop()


def test_a_daemon_is_known_to_the_next_command(daemon: Daemon, tmp_path: Path) -> None:
    daemon.start(["sleep", "600"])
    again = Daemon("sleeper", tmp_path)
    assert again.pid == daemon.pid != 0
    again.start(["sleep", "600"])
    assert again.pid == daemon.pid
    again.stop()
    assert not daemon.is_running
    again.stop()


def test_a_stranger_with_its_pid_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sleeper.pid").write_text(f"{os.getpid()} 1")
    Daemon("sleeper", tmp_path).stop()
    assert not (tmp_path / "sleeper.pid").exists()


def test_one_that_does_not_listen_to_a_signal_is_killed(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.cluster.processes.STOP_SECONDS", 0.5)
    daemon.start(["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 600; done"])
    daemon.wait_until(lambda: "deaf" in daemon.last_lines())
    (child,) = _children(daemon.pid)
    daemon.stop()
    assert not daemon.is_running
    os.kill(child, 9)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    while not found:
        found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found


def test_whoever_waits_for_one_that_ended_learns_what_it_said(daemon: Daemon) -> None:
    daemon.start(["sh", "-c", "echo no such flag; exit 1"])
    with pytest.raises(ClusterFailed, match=r"(?s)it ended.*no such flag"):
        daemon.wait_until(lambda: False)


def test_a_command_that_fails_says_what_it_said() -> None:
    with pytest.raises(ClusterFailed, match=r"(?s)sh -c.*wrong"):
        run(["sh", "-c", "echo wrong >&2; exit 3"])


def test_a_zombie_is_not_running() -> None:
    process = subprocess.Popen(["true"])
    while began(process.pid):
        pass
    assert process.wait() == 0

"""Processes of a cluster end in the reverse order, with whoever started them, and no stranger
with them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.waiting import eventually
from tools.cluster.process_group import ProcessGroup, stop_recorded
from tools.cluster.processes import ClusterFailed, began

_SLEEP = ["sleep", "600"]
_SAYS_WHEN_IT_ENDS = ["sh", "-c", 'trap "echo $0 >> ended; exit" TERM; echo up; sleep 600 & wait']


def test_they_end_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    for name in ("first", "second", "third"):
        group.start(
            name,
            [*_SAYS_WHEN_IT_ENDS, name],
            lambda name=name: "up" in group.output(name),  # type: ignore[misc]
        )
    group.stop()
    assert (tmp_path / "ended").read_text().split() == ["third", "second", "first"]


def test_one_that_ends_before_it_is_ready_fails_with_its_last_words(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    with pytest.raises(ClusterFailed, match=r"(?s)etcd ended.*no space left"):
        group.start("etcd", ["sh", "-c", "echo no space left; exit 1"], lambda: False)
    group.stop()


def test_detached_ones_are_ended_by_another_command(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path, detached=True)
    group.start("sleeper", _SLEEP)
    pid = _pids(tmp_path)[0]
    stop_recorded(tmp_path)
    assert not began(pid)
    group.stop()


def test_a_stranger_that_has_the_number_of_one_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(_SLEEP)
    try:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "01-etcd").write_text(f"{stranger.pid} 1")
        stop_recorded(tmp_path)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_they_end_with_their_parent_even_if_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from tools.cluster.process_group import ProcessGroup\n"
        "ProcessGroup(pathlib.Path(sys.argv[1])).start('sleeper', ['sleep', '600'])\n"
        "print('started', flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout
    assert parent.stdout.readline() == b"started\n"
    (pid,) = _pids(tmp_path)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    eventually(lambda: not began(pid))


def _pids(folder: Path) -> list[int]:
    return [int(record.read_text().split()[0]) for record in (folder / "run").iterdir()]

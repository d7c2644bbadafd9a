"""Housekeeping by the clock, as processes: the real supercronic runs the real commands."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.housekeeping.shop import Shop
from tests.processes import Process
from tests.telemetry_stores import go_server
from tests.waiting import eventually

EACH_SECOND = "* * * * * * *"
ENDS = {"job succeeded", "error running command: exit status 2"}


class Schedule(Process):
    """`python -m housekeeping schedule`, and what supercronic says."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        path = f"{go_server('supercronic').parent}{os.pathsep}{os.environ['PATH']}"
        others = ("DRILL", "PURGE_AUDIT", "PURGE_ORDERS", "RECONCILE")
        never = {f"{name}_SCHEDULE": "off" for name in others}
        super().__init__(
            [sys.executable, "-m", "housekeeping", "schedule", *arguments],
            folder / "schedule.log",
            env={**os.environ, "PATH": path, **never, **environment},
        )

    def messages(self) -> list[str]:
        lines = self.output().splitlines()
        return [json.loads(line)["msg"] for line in lines if line.startswith("{")]

    def turns(self) -> list[str]:
        """Beginnings and ends of runs."""
        return [said for said in self.messages() if said == "starting" or said in ENDS]


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[Callable[..., Schedule]]:
    """Started, and ended with the test."""
    started: list[Schedule] = []

    def start(*arguments: str, **environment: str) -> Schedule:
        started.append(one := Schedule(tmp_path, *arguments, **environment))
        one.start()
        return one

    yield start
    for one in started:
        one.kill()


def test_runs_follow_each_other_and_what_runs_at_the_stop_comes_to_its_end(
    kept_shop: Shop, schedule: Callable[..., Schedule]
) -> None:
    kept_shop.queue.client_pause(3000)  # longer than the interval
    running = schedule(BACKUP_SCHEDULE=EACH_SECOND)
    eventually(running.turns, lambda turns: "job succeeded" in turns)
    eventually(running.turns, lambda turns: turns[-1] == "starting")
    assert running.stop(signal.SIGTERM) == 0
    turns = running.turns()
    assert turns == ["starting", "job succeeded"] * (len(turns) // 2)
    messages = running.messages()
    assert messages[-1] == "exiting"
    assert any(said.startswith("not starting: job is still running") for said in messages)
    assert len(kept_shop.backups()) == 1  # of one day, as purge-backups keeps them


def test_a_run_that_fails_is_told_with_its_reason_and_nothing_follows_it(
    schedule: Callable[..., Schedule], tmp_path: Path
) -> None:
    missing = f"sqlite:///{tmp_path}/missing/arloji.db"
    folder = {"BACKUP_DIRECTORY": str(tmp_path / "backups")}
    running = schedule(BACKUP_SCHEDULE=EACH_SECOND, DATABASE_URL=missing, **folder)
    eventually(running.turns, lambda turns: len(turns) > 3)
    assert running.stop(signal.SIGTERM) == 0
    assert set(running.turns()) == {"starting", "error running command: exit status 2"}
    said = [one for one in running.messages() if "missing/arloji.db" in one]
    assert said
    assert all(one.startswith("backup failed: ") for one in said)


def test_one_command_may_have_a_schedule_of_its_own(
    schedule: Callable[..., Schedule], tmp_path: Path
) -> None:
    logs = tmp_path / "logs with a space"
    logs.mkdir()
    running = schedule("rotate-logs", "redis", str(logs), ROTATE_LOGS_SCHEDULE=EACH_SECOND)
    eventually(running.turns, lambda turns: len(turns) > 1)
    said = " ".join(running.messages())
    assert "logrotate cannot be told of a folder like" in said


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("61 2 * * *", "BACKUP_SCHEDULE: '61 2 * * *' is no time of a crontab"),
        ("0 2 * * * reboot", "BACKUP_SCHEDULE"),
        ("0 2 * *", "BACKUP_SCHEDULE"),
        ("0 2 * * *\n* * * * *", "BACKUP_SCHEDULE"),
        ("tomorrow", "BACKUP_SCHEDULE"),
    ],
)
def test_a_time_that_is_none_is_refused_with_one_sentence(
    schedule: Callable[..., Schedule], time: str, said: str
) -> None:
    refused = schedule(BACKUP_SCHEDULE=time)
    assert refused.exit_code() == 2
    (line,) = refused.output().splitlines()
    assert line.startswith("schedule failed: ")
    assert said in line


def test_without_supercronic_it_says_where_there_is_one(
    schedule: Callable[..., Schedule],
) -> None:
    refused = schedule(PATH="/nowhere")
    assert refused.exit_code() == 2
    assert "it is in the image `arloji/housekeeping`" in refused.output()
    shown = schedule("--dry-run", PATH="/nowhere")
    assert shown.exit_code() == 0
    (line,) = [one for one in shown.output().splitlines() if "backup" in one][-1:]
    assert line.startswith("0 2 * * * ")
    assert line.endswith("-m housekeeping purge-backups")

"""Housekeeping in its containers, against the real MySQL and the real queue: by hand, as
docs/housekeeping.md has it, and by the clock."""

import json
import time
from contextlib import closing
from typing import Any

import pytest

from tests.compose.project import ComposeProject, Container
from tests.conformance.test_compose import ROTATIONS
from tests.e2e.conftest import Guest
from tests.waiting import eventually

EACH_SECOND = "* * * * * * *"


def housekeeping(project: ComposeProject, *command: str) -> Any:
    said = project.compose("run", "--rm", "housekeeping", *command, "--json")
    return json.loads(said.splitlines()[-1])


def container(project: ComposeProject) -> Container:
    (one,) = project.containers("housekeeping")
    return one


@pytest.mark.parametrize("service", ["housekeeping", *ROTATIONS])
def test_each_schedule_was_read_and_waits(project: ComposeProject, service: str) -> None:
    (one,) = project.containers(service)
    assert (one.state, one.restarts) == ("running", 0)
    assert "read crontab" in project.compose("logs", "--no-log-prefix", service)


@pytest.fixture(scope="module")
def backup(project: ComposeProject) -> Any:
    return housekeeping(project, "backup")


def test_a_backup_has_the_database_and_the_queue_and_is_tried_in_a_mysql_of_its_own(
    project: ComposeProject, backup: Any
) -> None:
    assert (backup["kind"], backup["faults"], backup["queue_missing"]) == ("mysql", [], None)
    assert backup["rows"] > 100
    assert housekeeping(project, "verify", "--all")["backups"]
    tried = housekeeping(project, "drill")
    assert tried["name"] == backup["name"]
    assert (tried["rows"], tried["faults"], tried["contradictions"]) == (backup["rows"], [], [])
    newest = housekeeping(project, "status")["newest_verified"]
    assert (newest["name"], newest["level"], newest["has_queue"]) == (backup["name"], "drill", True)
    print(f"a drill with MySQL took {tried['seconds']} s")  # noqa: T201 (docs/housekeeping.md)


def test_what_follows_a_backup_has_the_rights_it_needs(
    project: ComposeProject, backup: Any
) -> None:
    assert housekeeping(project, "purge-backups", "--dry-run")
    assert housekeeping(project, "purge-orders", "--dry-run")
    assert housekeeping(project, "purge-audit", "--dry-run")


def test_by_the_clock_the_same_happens(project: ComposeProject, backup: Any) -> None:
    """With a time of the operator's own; runs follow each other in one container."""
    project.compose("up", "--detach", "--no-deps", "housekeeping", BACKUP_SCHEDULE=EACH_SECOND)
    eventually(
        lambda: housekeeping(project, "status")["newest"]["name"],
        lambda name: name != backup["name"],
        seconds=120,
    )
    project.compose("up", "--detach", "--no-deps", "housekeeping")
    told = ("docker", "inspect", "--format", "{{json .Config.Env}}", container(project).id)
    assert EACH_SECOND not in project.run(*told)


def test_it_stops_at_once_where_nothing_runs(project: ComposeProject) -> None:
    eventually(lambda: "read crontab" in project.compose("logs", "housekeeping"))
    began = time.monotonic()
    project.run("docker", "stop", "--time", "60", container(project).id)
    assert time.monotonic() - began < 15
    state = project.run(
        "docker", "inspect", "--format", "{{.State.ExitCode}}", container(project).id
    )
    assert state.strip() == "0"
    project.compose("start", "housekeeping")


def test_by_default_a_restore_only_says_what_it_would_do(
    project: ComposeProject, backup: Any
) -> None:
    with closing(Guest(project.shop_url)) as guest:
        assert guest.post_order({guest.product()["product_id"]: 1}, "one").status_code == 202
    (orders,) = eventually(
        lambda: project.rows("SELECT COUNT(*) AS number FROM orders"),
        lambda rows: rows[0]["number"],
    )
    with pytest.raises(AssertionError, match="with --replace it is put aside"):
        project.compose("run", "--rm", "restorer")
    said = project.compose("run", "--rm", "restorer", "restore", "--replace", "--dry-run")
    assert "nothing was changed" in said
    assert project.rows("SELECT COUNT(*) AS number FROM orders") == [orders]

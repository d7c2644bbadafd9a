"""Rotation in containers: the real writers open new files, and no line is lost."""

import json

import httpx
import pytest

from tests.compose.project import ComposeProject
from tests.waiting import eventually


@pytest.fixture(scope="module", autouse=True)
def _built(project: ComposeProject) -> None:
    project.build("rotate-nginx-logs")


_COUNT = "cd /var/log/arloji && cat access.log.1 access.log | grep -c rotation-mark-"


def test_nginx_goes_on_in_a_new_file_and_loses_no_line(project: ComposeProject) -> None:
    (ingress,) = project.containers("ingress")
    for n in range(60):
        httpx.get(f"{project.shop_url}/static/rotation-mark-{n}")
        if n == 30:
            rotate(project, "rotate-nginx-logs")
    eventually(lambda: int(project.exec(ingress, "bash", "-c", _COUNT)), lambda n: n == 60)
    assert "rotation-mark-59" in project.exec(ingress, "cat", "/var/log/arloji/access.log")


def test_mysql_goes_on_in_new_files(project: ComposeProject) -> None:
    (mysql,) = project.containers("mysql")
    rotate(project, "rotate-mysql-logs")
    listed = "ls /var/log/arloji"
    eventually(
        lambda: set(project.exec(mysql, "bash", "-c", listed).split()),
        lambda names: {"error.log", "error.log.1", "slow.log", "slow.log.1"} <= names,
    )


def test_both_redis_go_on_in_new_files(project: ComposeProject) -> None:
    for name in ("queue-redis", "cache-redis"):
        assert rotate(project, f"rotate-{name}-logs")["files"]


def rotate(project: ComposeProject, job: str) -> dict[str, object]:
    text = project.compose("run", "--rm", "--no-deps", job, *_command(job), "--force", "--json")
    found: dict[str, object] = json.loads(text.splitlines()[-1])
    return found


def _command(job: str) -> tuple[str, str]:
    writer = next(one for one in ("nginx", "mysql", "redis") if one in job)
    return writer, "/var/log/arloji"

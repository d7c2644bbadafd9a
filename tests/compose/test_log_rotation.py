"""Rotation in containers: the real writers open new files, no line is lost, and neither needs the
other one to be there."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.compose.project import ComposeProject
from tests.conformance.test_compose import ROTATIONS
from tests.waiting import eventually

FOLDER = "/var/log/arloji"
_LINES = f"cd {FOLDER} && cat access.log access.log.1 && zstdcat -q access.log.*.zst || true"


def rotate(project: ComposeProject, service: str) -> dict[str, object]:
    """By hand, before its turn, as docs/housekeeping.md has it."""
    writer = next(one for one in ("nginx", "mysql", "redis") if one in service)
    command = ("python", "-m", "housekeeping", "rotate-logs", writer, FOLDER, "--force", "--json")
    found: dict[str, object] = json.loads(project.compose("exec", "--no-TTY", service, *command))
    return found


def names(project: ComposeProject, service: str) -> set[str]:
    (one,) = project.containers(service)
    return set(project.exec(one, "ls", FOLDER).split())


@contextmanager
def requests(project: ComposeProject) -> Iterator[list[int]]:
    """Without a pause until the block ends; the number of each that nginx has answered."""
    answered: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=project.shop_url, timeout=15) as client:
            while not stop.is_set():
                client.get(f"/static/rotation-mark-{len(answered)}-")
                answered.append(len(answered))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answered
    finally:
        stop.set()
        thread.join(30)


def test_nginx_goes_on_in_new_files_and_loses_no_line(project: ComposeProject) -> None:
    with requests(project) as answered:
        for _ in range(3):
            rotate(project, "rotate-nginx-logs")
            eventually(lambda: "access.log" in names(project, "ingress"))
            before = len(answered)
            eventually(lambda before=before: len(answered) > before + 20)
    (rotation,) = project.containers("rotate-nginx-logs")
    marks = eventually(
        lambda: [
            json.loads(line)["url.path"]
            for line in project.exec(rotation, "sh", "-c", _LINES).splitlines()
            if "rotation-mark-" in line
        ],
        lambda found: len(found) >= len(answered),
    )
    assert sorted(marks) == sorted(f"/static/rotation-mark-{n}-" for n in answered)


def test_mysql_goes_on_in_new_files(project: ComposeProject) -> None:
    rotate(project, "rotate-mysql-logs")
    eventually(
        lambda: names(project, "mysql"),
        lambda found: {"error.log", "error.log.1", "slow.log", "slow.log.1"} <= found,
    )


@pytest.mark.parametrize("writer", ["queue-redis", "cache-redis"])
def test_a_redis_needs_not_be_told(project: ComposeProject, writer: str) -> None:
    assert rotate(project, f"rotate-{writer}-logs")["files"]


def test_rotation_outlives_its_writers_and_they_outlive_it(project: ComposeProject) -> None:
    """A shared process namespace would end with the writer."""
    before = {one.name: one.started_at for one in project.containers(*ROTATIONS)}
    (ingress,) = project.containers("ingress")
    project.kill(ingress)
    eventually(
        lambda: project.containers("ingress")[0],
        lambda one: one.started_at != ingress.started_at and one.well,
        seconds=60,
    )
    project.compose("restart", "--no-deps", "ingress")
    project.up()
    assert {one.name: one.started_at for one in project.containers(*ROTATIONS)} == before
    rotate(project, "rotate-nginx-logs")
    eventually(lambda: {"access.log", "error.log"} <= names(project, "ingress"))

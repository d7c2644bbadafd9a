"""`make reload`, `make upgrade` and `make secrets` decide by what Docker says, and do their steps
in an order that refuses nothing; tests/compose runs them."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.services import SERVICE_NAMES
from operations import compose, reload, rotate_secrets, upgrade
from tests.waiting import eventually


@pytest.fixture
def restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is restarted of two services, each with a file of its own deep in the last folder that
    it mounts, and with a container that started now and one that will later."""
    names: list[str] = []
    (tmp_path / "both").mkdir()
    for name in ("ingress", "mysql"):
        (tmp_path / name / "conf.d/sites").mkdir(parents=True)
        (tmp_path / name / "conf.d/sites/a.conf").write_text("old")
    now = datetime.now(UTC)
    # Times of files have ticks of some milliseconds: the next change is in a later one.
    scratch = tmp_path / "scratch"
    eventually(lambda: scratch.write_text("x") and scratch.stat().st_ctime > now.timestamp())
    services = {
        name: {
            "volumes": [
                {"type": "volume", "source": "data"},
                {"type": "bind", "source": str(tmp_path.parent)},
                {"type": "bind", "source": str(tmp_path / "both")},
                {"type": "bind", "source": str(tmp_path / name)},
            ]
        }
        for name in ("ingress", "mysql")
    }
    containers = [
        {
            "State": {"StartedAt": started.isoformat()},
            "Config": {"Labels": {"com.docker.compose.service": name}},
        }
        for name in services
        for started in (now, now + timedelta(hours=1))
    ]
    answers = {"config": json.dumps({"services": services}), "ps": "one two"}
    monkeypatch.setattr(reload, "ROOT", tmp_path)
    monkeypatch.setattr(reload, "compose", lambda *words: answers[words[2]])
    monkeypatch.setattr(reload, "docker", lambda *_: json.dumps(containers))
    monkeypatch.setattr(reload, "restart", lambda *services: names.extend(services))
    return names


def test_nothing_restarts_while_no_file_has_changed(restarted: list[str]) -> None:
    assert reload.main([]) == 0
    assert restarted == []


@pytest.mark.parametrize("modified_at", [None, 0], ids=["as git does it", "with its older time"])
def test_what_reads_a_changed_file_restarts(
    restarted: list[str], tmp_path: Path, modified_at: int | None
) -> None:
    new = tmp_path / "new"
    new.write_text("new")
    if modified_at is not None:
        os.utime(new, (modified_at, modified_at))
    new.replace(tmp_path / "mysql/conf.d/sites/a.conf")
    assert reload.main([]) == 0
    assert restarted == ["mysql"]


def test_what_reads_a_folder_restarts_when_a_file_is_gone(
    restarted: list[str], tmp_path: Path
) -> None:
    (tmp_path / "ingress/conf.d/sites/a.conf").unlink()
    assert reload.main([]) == 0
    assert restarted == ["ingress"]


@pytest.mark.parametrize(
    ("said", "differs"),
    [
        (" DRY-RUN MODE -  Network arloji_edge  Removed \n", True),
        (" DRY-RUN MODE -  Network arloji_edge  Created \n Container a-1  Removed \n", False),
    ],
)
def test_a_network_that_differs_is_replaced_with_all_containers(
    monkeypatch: pytest.MonkeyPatch, said: str, differs: bool
) -> None:
    done: list[str] = []
    monkeypatch.setattr(
        compose.subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, "", said),
    )
    monkeypatch.setattr(upgrade, "compose", lambda *words: done.append(words[0]))
    monkeypatch.setattr(upgrade, "bring_up_stores", lambda: done.append("stores"))
    monkeypatch.setattr(upgrade, "replace_services", lambda _: done.append("one by one"))
    assert upgrade.main(["--no-build"]) == 0
    assert done == (["--profile", "up"] if differs else ["stores", "one by one"])


class Docker:
    """Two of each service, Redis with new accounts, and one exporter that does not run."""

    def __init__(self, *, fails: str = "") -> None:
        self.steps: list[str] = []
        self._fails = fails
        self._running = {
            name: [f"{name}-1", f"{name}-2"] for name in (*SERVICE_NAMES, "mysqld-exporter")
        }
        self._old = {one for ids in self._running.values() for one in ids}

    def __call__(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        match [word for word in command[1:] if word != "compose"]:
            case ["ps", *_, service]:
                ids = self._running.get(service, [])
                return subprocess.CompletedProcess(command, 0, "\n".join(ids), "")
            case ["run", "--rm", "--no-TTY", "--no-deps", service, *own]:
                step = " ".join(["run", service, *own[-1:]])
            case ["up", *_, "--scale", scale, service]:
                count = int(scale.removeprefix(f"{service}="))
                self._running[service] = [f"{service}-{n}" for n in range(1, count + 1)]
                step = f"start {service}"
            case ["up", *_, service]:
                step = f"wait for {service}"
            case ["exec", container, *_]:
                step = f"ask {'an old' if container in self._old else 'a new'} one"
            case ["--dry-run", *_] | ["build", *_]:
                return subprocess.CompletedProcess(command, 0, "", "")
            case [word, *names]:
                step = " ".join([word, *(name for name in names if name != "--no-deps")])
        self.steps.append(step)
        code, said = int(step == self._fails), "wrote queue-redis/users.acl"
        return subprocess.CompletedProcess(command, code, said, "")


def steps_of(
    monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int], *words: str, fails: str = ""
) -> list[str]:
    docker = Docker(fails=fails)
    monkeypatch.setattr(compose.subprocess, "run", docker)
    monkeypatch.setattr(
        compose.time, "sleep", lambda s: s and docker.steps.append(f"settle for {s} s")
    )
    assert main(list(words)) == (1 if fails else 0)
    return docker.steps


def replaced(service: str) -> list[str]:
    new = [f"start {service}", "ask a new one", "ask a new one"]
    one, two = f"{service}-1", f"{service}-2"
    if service == "frontend":
        settle = f"settle for {upgrade.INGRESS_SECONDS} s"
        return [*new, settle, f"stop {one}", f"rm {one}", f"stop {two}", f"rm {two}"]
    return [*new, f"stop {one} {two}", f"rm {one} {two}"]


STORES = [
    *("run bootstrap", "restart queue-redis", "wait for queue-redis"),
    *("run accounts", "run migrate", "run rights"),
]


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ([], ["consumer", "publisher", "service-http", "api-gw", "frontend"]),
        (["frontend", "consumer"], ["consumer", "frontend"]),
    ],
)
def test_an_upgrade_goes_from_the_inside_out(
    monkeypatch: pytest.MonkeyPatch, words: list[str], order: list[str]
) -> None:
    steps = steps_of(monkeypatch, upgrade.main, *words)
    assert steps == [*STORES, *(step for name in order for step in replaced(name))]


def test_secrets_are_known_to_those_that_check_them_before_anybody_shows_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert steps_of(monkeypatch, rotate_secrets.main) == [
        "run bootstrap --rotate",
        *("restart queue-redis", "wait for queue-redis"),
        *("restart cache-redis", "wait for cache-redis"),
        "run accounts",
        *(
            step
            for name in ("consumer", "publisher", "service-http", "frontend")
            for step in replaced(name)
        ),
        *("restart mysqld-exporter", "wait for mysqld-exporter"),
        "run bootstrap --finish-rotation",
    ]


@pytest.mark.parametrize(
    ("main", "fails"),
    [
        (upgrade.main, "run migrate"),
        (upgrade.main, "ask a new one"),
        (rotate_secrets.main, "run accounts"),
    ],
)
def test_nothing_follows_a_step_that_failed(
    monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int], fails: str
) -> None:
    assert steps_of(monkeypatch, main, fails=fails)[-1] == fails

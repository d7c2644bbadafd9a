"""`make reload` and `make upgrade` decide by what Docker says; tests/compose runs them."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.waiting import eventually
from tools import compose, reload, upgrade


@pytest.fixture
def restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is restarted of two services that started now, each with a file of its own."""
    names: list[str] = []
    for name in ("ingress", "mysql"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.conf").write_text("old")
    now = datetime.now(UTC)
    started = now.isoformat()
    # Times of files have ticks of some milliseconds: the next change is in a later one.
    scratch = tmp_path / "scratch"
    eventually(lambda: scratch.write_text("x") and scratch.stat().st_ctime > now.timestamp())
    services = {
        name: {"volumes": [{"type": "bind", "source": str(tmp_path / name)}]}
        for name in ("ingress", "mysql")
    }
    containers = [
        {
            "State": {"StartedAt": started},
            "Config": {"Labels": {"com.docker.compose.service": name}},
        }
        for name in services
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
    new.replace(tmp_path / "mysql/a.conf")
    assert reload.main([]) == 0
    assert restarted == ["mysql"]


def test_what_reads_a_folder_restarts_when_a_file_is_gone(
    restarted: list[str], tmp_path: Path
) -> None:
    (tmp_path / "ingress/a.conf").unlink()
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

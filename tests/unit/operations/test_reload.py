"""`make reload` restarts what mounts a file that has changed since; tests/compose runs it."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operations import reload
from tests.waiting import eventually


@pytest.fixture
def restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is restarted of two services, each with a file of its own deep in the last folder that
    it mounts, and with a container that started now and one that will later."""
    names: list[str] = []
    services: dict[str, Any] = {}
    for name in ("ingress", "mysql"):
        (tmp_path / name / "conf.d/sites").mkdir(parents=True)
        (tmp_path / name / "conf.d/sites/a.conf").write_text("old")
        (tmp_path / "both").mkdir(exist_ok=True)
        mounts = [tmp_path.parent, tmp_path / "both", tmp_path / name]
        binds = [{"type": "bind", "source": str(source)} for source in mounts]
        services[name] = {"volumes": [{"type": "volume", "source": "data"}, *binds]}
    now = datetime.now(UTC)
    # Times of files have ticks of some milliseconds: the next change is in a later one.
    scratch = tmp_path / "scratch"
    eventually(lambda: scratch.write_text("x") and scratch.stat().st_ctime > now.timestamp())
    containers = [
        {"State": {"StartedAt": started.isoformat()}, "Config": {"Labels": {LABEL: name}}}
        for name in services
        for started in (now, now + timedelta(hours=1))
    ]
    answers = {"config": json.dumps({"services": services}), "ps": "one two"}
    monkeypatch.setattr(reload, "ROOT", tmp_path)
    monkeypatch.setattr(reload, "compose", lambda *words: answers[words[2]])
    monkeypatch.setattr(reload, "docker", lambda *_: json.dumps(containers))
    monkeypatch.setattr(reload, "restart", lambda *services: names.extend(services))
    return names


LABEL = "com.docker.compose.service"


@pytest.mark.parametrize("change", ["", "mysql: replaced", "mysql: copied", "ingress: gone"])
def test_what_reads_a_changed_file_restarts(
    restarted: list[str], tmp_path: Path, change: str
) -> None:
    service, _, how = change.partition(": ")
    file, new = tmp_path / service / "conf.d/sites/a.conf", tmp_path / "new"
    match how:
        case "replaced":  # as git does it
            new.write_text("new")
            new.replace(file)
        case "copied":  # with the time that it had elsewhere
            file.write_text("new")
            os.utime(file, (0, 0))
        case "gone":
            file.unlink()
    assert reload.main([]) == 0
    assert restarted == ([service] if service else [])

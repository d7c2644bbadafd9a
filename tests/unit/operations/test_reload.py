"""`make reload` restarts what mounts a file that has changed since; tests/compose runs it."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from operations import reload
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
                *(
                    {"type": "bind", "source": str(source)}
                    for source in (tmp_path.parent, tmp_path / "both", tmp_path / name)
                ),
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


@pytest.mark.parametrize(
    ("change", "service"),
    [("nothing", ""), ("replaced", "mysql"), ("copied", "mysql"), ("gone", "ingress")],
)
def test_what_reads_a_changed_file_restarts(
    restarted: list[str], tmp_path: Path, change: str, service: str
) -> None:
    file = tmp_path / service / "conf.d/sites/a.conf"
    if change == "replaced":  # as git does it
        new = tmp_path / "new"
        new.write_text("new")
        new.replace(file)
    elif change == "copied":  # with the time that it had elsewhere
        file.write_text("new")
        os.utime(file, (0, 0))
    elif change == "gone":
        file.unlink()
    assert reload.main([]) == 0
    assert restarted == ([service] if service else [])

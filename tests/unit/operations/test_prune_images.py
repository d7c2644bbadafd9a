"""Which images go: ours beyond the last of each kind; foreign ones only by --all and with age."""

import configparser
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operations.prune_images import LABEL, main
from tests.conformance.test_compose import CONTAINERS

ROOT = Path(__file__).parents[3]
NEVER = "0001-01-01T00:00:00Z"


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "123Z")


class Docker:
    """An engine's answers, in the form of Docker 28; remembers what it was told to change."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.used: list[str] = []
        self.refuses: str = ""
        self.changes: list[str] = []

    def add(self, name: str, days: float, kind: str | None = "service", **more: Any) -> None:
        self.images[f"sha256:{name}"] = {
            "Id": f"sha256:{name}",
            "RepoTags": [f"arloji/{name}:1"] if kind else [f"{name}:latest"],
            "Created": ago(days),
            "Metadata": {"LastTagTime": NEVER},
            "Config": {"Labels": {LABEL: kind} if kind else None},
            **more,
        }

    def __call__(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        said, code = "", 0
        match command[1:]:
            case ["image", "ls", *_]:
                said = "\n".join([*self.images, *self.images])
            case ["image", "inspect", *ids]:
                said = json.dumps([self.images[one] for one in ids])
            case ["container", "ls", *_]:
                said = "\n".join(f"container-{n}" for n, _ in enumerate(self.used))
            case ["container", "inspect", *_]:
                said = json.dumps([{"Image": f"sha256:{name}"} for name in self.used])
            case ["system", "df", *_]:
                said = f"Images\t{len(self.images) - len(self.changes)}.5GB\nContainers\t1MB"
            case ["image", "rm", name] if name == self.refuses:
                code = 1
            case _:
                self.changes.append(" ".join(command[1:]))
                said = "Deleted: x\n\nTotal:\t1.5kB\n" if "builder" in command else ""
        return subprocess.CompletedProcess(command, code, said, "")


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    engine = Docker()
    monkeypatch.setattr("operations.compose.subprocess.run", engine)
    return engine


@pytest.fixture
def prune(docker: Docker, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def run(*options: str, code: int = 0) -> Any:
        assert main([*options, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def test_the_last_three_of_each_kind_and_what_is_used_stay(
    docker: Docker, prune: Callable[..., Any]
) -> None:
    for days in range(1, 7):
        docker.add(f"service-{days}", days)
    docker.add("load", 100, "load")
    docker.add("foreign", 1000, None)
    docker.used = ["service-5"]
    gone = ["arloji/service-6:1", "arloji/service-4:1"]
    assert prune("--dry-run")["removed"] == gone
    assert docker.changes == []
    result = prune()
    assert (result["removed"], result["bytes"]) == (gone, 2_000_000_000)
    assert docker.changes == [f"image rm {name}" for name in gone]
    docker.changes = []
    assert "arloji/service-2:1" in prune("--keep", "1")["removed"]


def test_a_run_leaves_its_figures_for_node_exporter(
    docker: Docker, prune: Callable[..., Any], tmp_path: Path
) -> None:
    for days in range(1, 5):
        docker.add(f"service-{days}", days)
    file = tmp_path / "prune-images.prom"
    prune("--dry-run", "--textfile", str(file))
    assert not file.exists()
    prune("--textfile", str(file))
    lines = file.read_text().splitlines()
    assert 'arloji_housekeeping_freed_bytes{command="prune-images"} 1000000000.0' in lines
    success = '{command="prune-images",outcome="success"}'
    assert any(line.startswith(f"arloji_housekeeping_last_run_seconds{success}") for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_foreign_image_goes_by_all_only_and_not_before_its_age(
    docker: Docker, prune: Callable[..., Any]
) -> None:
    docker.add("old", 30, None)
    docker.add("pulled", 1000, None, Metadata={"LastTagTime": ago(1)})
    docker.add("running", 30, None)
    docker.add("nameless", 30, None, RepoTags=[])
    docker.add("ours", 30)
    docker.used = ["running"]
    assert prune()["removed"] == []
    assert docker.changes == []
    result = prune("--all")
    assert sorted(result["removed"]) == ["old:latest", "sha256:nameless"]
    assert docker.changes[-1] == "builder prune --force --filter until=168h"
    assert all("volume" not in change for change in docker.changes)


def test_one_that_a_container_took_meanwhile_stays_and_is_named(
    docker: Docker, prune: Callable[..., Any]
) -> None:
    for days in range(1, 6):
        docker.add(f"service-{days}", days)
    docker.refuses = "arloji/service-4:1"
    result = prune(code=1)
    assert (result["removed"], result["kept"]) == (["arloji/service-5:1"], ["arloji/service-4:1"])


def test_without_docker_nothing_is_said_to_be_pruned(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "")
    monkeypatch.setattr("operations.compose.subprocess.run", lambda *_, **__: failed)
    assert main([]) == 2
    assert "images not pruned" in capsys.readouterr().err


def test_every_image_that_is_built_here_has_the_label() -> None:
    for path in ROOT.glob("**/Dockerfile"):
        if path.relative_to(ROOT).parts[0] in {"tools", ".venv", "var"}:
            continue
        text = path.read_text()
        assert text.count(f"{LABEL}=") == text.count("org.opencontainers.image.title=") > 0, path


def test_the_units_call_commands_that_exist() -> None:
    for path in (ROOT / "operations" / "systemd").glob("*.timer"):
        service = path.with_suffix(".service").read_text()
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[method-assign, assignment]
        unit.read(path)
        assert unit["Install"]["WantedBy"] == "timers.target"
        commands = [line for line in service.splitlines() if line.startswith("ExecStart=")]
        assert commands
        for line in commands:
            last = line.split()[-1] if "prune" not in line else "prune_images"
            assert last in CONTAINERS or (ROOT / "operations" / f"{last}.py").exists(), line
        assert ("--all" in service) == ("all" in path.name)

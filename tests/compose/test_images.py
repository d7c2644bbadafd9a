"""What is inside the service's image, and what is not."""

import json
from typing import Any

import pytest

from tests.compose.project import ComposeProject


@pytest.fixture(scope="module")
def image(project: ComposeProject) -> dict[str, object]:
    described: dict[str, object] = json.loads(
        project.run("docker", "image", "inspect", project.image)
    )[0]
    return described


def test_it_runs_as_a_user_of_its_own(image: dict[str, dict[str, object]]) -> None:
    assert image["Config"]["User"] == "10001:10001"


def test_it_says_what_it_is_and_how_well(image: dict[str, dict[str, Any]]) -> None:
    labels = image["Config"]["Labels"]
    prefix = "org.opencontainers.image."
    assert {f"{prefix}{name}" for name in ("title", "description", "licenses", "version")} <= set(
        labels
    )
    assert labels[f"{prefix}version"] == "tests"
    assert image["Config"]["Healthcheck"]["Test"] == ["CMD", "python", "-m", "servicekit.probes"]


def test_it_is_not_large(image: dict[str, int]) -> None:
    """272 MB with the stand-in's Debian Python beneath, which is larger than the real one."""
    assert image["Size"] < 350e6


def test_nothing_can_be_installed_and_nothing_is_compiled_at_start(
    project: ComposeProject,
) -> None:
    script = """
import importlib.util, json, pathlib, sys
def compiled(source):
    return pathlib.Path(importlib.util.cache_from_source(str(source))).exists()
sources = [*pathlib.Path("/app").rglob("*.py"), *pathlib.Path("/opt/arloji/lib").rglob("*.py")]
print(json.dumps({
    "pip": importlib.util.find_spec("pip") is not None,
    "sources": len(sources),
    "uncompiled": [one.name for one in sources if not compiled(one)],
    "folders": sorted(one.name for one in pathlib.Path("/app").iterdir()),
    "prefix": sys.prefix,
}))
"""
    found = project.probe(script)
    assert found["prefix"] == "/opt/arloji"
    assert not found["pip"]
    assert found["sources"] > 1000
    # A few packages ship sources that no Python 3 can compile.
    assert len(found["uncompiled"]) < 20, found["uncompiled"]
    assert found["folders"] == [
        "contracts",
        "database",
        "housekeeping",
        "servicekit",
        "services",
        "watch_faces",
    ]


@pytest.mark.parametrize("module", ["frontend", "api_gw", "service_http", "publisher", "consumer"])
def test_it_holds_the_five_commands(project: ComposeProject, module: str) -> None:
    script = (
        "import importlib.util, json;"
        f"print(json.dumps(importlib.util.find_spec('services.{module}.__main__') is not None))"
    )
    assert project.probe(script) is True


def test_every_process_is_confined(project: ComposeProject) -> None:
    """As Docker started it: no capability, no new privileges, a root that cannot be written."""
    for container in project.containers():
        host = json.loads(project.run("docker", "inspect", container.id))[0]["HostConfig"]
        assert host["CapDrop"] == ["ALL"], container.name
        assert not host["CapAdd"], container.name
        assert "no-new-privileges:true" in host["SecurityOpt"], container.name
        assert host["ReadonlyRootfs"], container.name
        assert not host["Privileged"], container.name
        assert host["Memory"] > 0, container.name
        assert host["PidsLimit"] > 0, container.name
        assert host["LogConfig"]["Config"]["max-size"], container.name

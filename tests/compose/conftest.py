"""The whole stack in containers, once for all tests in this folder."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose.project import ComposeProject
from tests.e2e.conftest import guest, other_guest  # noqa: F401 (fixtures)

# Brought up once: those that only look come first, those that break it last.
ORDER = (
    "test_configuration",
    "test_images",
    "test_start",
    "test_first_telemetry",
    "test_networks",
    "test_rights",
    "test_secrets",
    "test_ingress",
    "test_shop",
    "test_scaling",
    "test_keeping",
    "test_upgrades",
    "test_rotation",
    "test_healing",
)
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.parent == _HERE]
    ordered = iter(sorted(ours, key=lambda item: ORDER.index(item.path.stem)))
    items[:] = [next(ordered) if item.path.parent == _HERE else item for item in items]
    for item in ours:
        item.add_marker(pytest.mark.compose)
        # The first one that needs the stack waits for it; rolling upgrades take their time.
        item.add_marker(pytest.mark.timeout(600))


def _why_not() -> str | None:
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"`{' '.join(command)}` failed: {done.stderr.strip()[-200:]}"
    return None


@pytest.fixture(scope="session")
def docker() -> None:
    """Docker with compose answers here; skips the test, loudly, if not."""
    if why := _why_not():
        pytest.skip(f"no Docker: {why}")


@pytest.fixture(scope="session")
def project(docker: None) -> Iterator[ComposeProject]:
    """Up and ready, from empty volumes and without any manual step. For work on these tests,
    COMPOSE_TESTS_PROJECT names one that stays up."""
    if name := os.environ.get("COMPOSE_TESTS_PROJECT"):
        project = ComposeProject(name, kept=True)
        project.up("--build")
        yield project
        return
    project = ComposeProject(f"arloji-tests-{os.getpid()}")
    try:
        project.up("--build")
        yield project
    finally:
        project.down("--volumes", "--timeout", "5")


@pytest.fixture(scope="session")
def stack(project: ComposeProject) -> ComposeProject:
    """The name by which the tests of the embedded run know a shop."""
    return project

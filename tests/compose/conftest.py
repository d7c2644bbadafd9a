"""The whole stack in containers, once for all tests in this folder."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.compose.first_telemetry import FirstTelemetry, first_telemetry
from tests.compose.project import PREFIX, ComposeProject
from tests.e2e.conftest import Guest
from tests.in_order import put_in_order

# Brought up once: those that only look come first, those that break it last.
ORDER = (
    "test_configuration",
    "test_stores",
    "test_full_disk",
    "test_images",
    "test_prune_images",
    "test_start",
    "test_first_telemetry",
    "test_quiet",
    "test_networks",
    # What is measured over minutes has come to it by now.
    "test_panels",
    "test_rights",
    "test_secrets",
    "test_ingress_settings",
    "test_ingress",
    "test_ingress_upstream",
    "test_shop",
    "test_scaling",
    "test_taken_away",
    "test_log_rotation",
    "test_housekeeping",
    "test_keeping",
    "test_upgrades",
    "test_reload",
    "test_rotation",
    "test_scenarios",
    "test_healing",
    "test_disaster",
    "test_point_in_time",
    "test_removal",
)

# Each scenario and each full disk takes minutes until its alert has come and gone, and a restore to
# a moment one: `make test-release`.
_LONG = ["test_full_disk.py", "test_scenarios.py", "test_point_in_time.py"]
collect_ignore = [] if os.environ.get("LONG_TESTS") == "1" else _LONG


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    put_in_order(items, Path(__file__).parent, ORDER, pytest.mark.compose)


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
        project.copy()
        project.build()
        project.up()
        yield project
        return
    project = ComposeProject(f"{PREFIX}{os.getpid()}")
    remove_left_behind(project)
    project.copy()
    try:
        project.build()
        project.up()
        yield project
    finally:
        project.down("--volumes", "--timeout", "5")
        project.forget()


def remove_left_behind(project: ComposeProject) -> None:
    """What tests that were killed have left comes up again with the engine, and takes memory."""
    listed = json.loads(project.compose("ls", "--all", "--format", "json"))
    for name in (found["Name"] for found in listed):
        process = name.removeprefix(PREFIX).partition("-")[0]
        is_ours = name.startswith(PREFIX) and process.isdigit()
        if is_ours and not Path("/proc", process).exists():
            left = ComposeProject(name)
            left.down("--volumes", "--timeout", "5")
            left.forget()


@pytest.fixture(scope="session")
def stack(project: ComposeProject) -> ComposeProject:
    """The name by which the tests of the embedded run know a shop."""
    return project


@pytest.fixture(scope="session")
def telemetry(project: ComposeProject) -> FirstTelemetry:
    return first_telemetry(project)


class Patient(httpx.BaseTransport):
    """Waits as long as a 429 of the ingress asks for, and repeats once: the tests of the embedded
    run, which has no limit, may send faster than one client is allowed to here."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._transport.handle_request(request)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return answer
        answer.close()
        time.sleep(float(answer.headers["Retry-After"]))
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@pytest.fixture
def guest(stack: ComposeProject) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url, Patient(httpx.HTTPTransport(verify=False)))) as one:
        yield one


@pytest.fixture
def other_guest(stack: ComposeProject) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url)) as one:
        yield one

"""What all tests share: nothing is skipped silently, unit tests open no connection, spans can
be looked at in memory."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from opentelemetry import metrics
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from xdist.scheduler import LoadFileScheduling

from local import inherited
from servicekit import TAKEN_VARIABLES
from servicekit.telemetry.light_metrics import LightMeterProvider
from servicekit.telemetry.setup import configure_telemetry
from tests.answers import explain_missing

REQUIRE_ALL = os.environ.get("REQUIRE_ALL") == "1"
UNIT = Path(__file__).parent / "unit"
# Of the files in tests/compose.
STACKS_OF_THEIR_OWN = {"test_configuration", "test_stores"}

# A shared, noisy machine: time says nothing about a property.
settings.register_profile("arloji", deadline=None)
settings.load_profile("arloji")

_finished = InMemorySpanExporter()
# Nothing is sent, and what the shell exports for others does not reach services under test.
TAKEN_VARIABLES.clear()
for _foreign in set(os.environ) - set(inherited.for_tests()):
    del os.environ[_foreign]
configure_telemetry("tests", extra_span_processors=(SimpleSpanProcessor(_finished),))
_measured = InMemoryMetricReader()
metrics.set_meter_provider(LightMeterProvider([_measured], Resource({})))


def pytest_configure() -> None:
    """A run that is terminated ends as by Ctrl-C: fixtures stop the servers that they started.
    Ctrl-C is not ignored, also in a shell's background: what tests start would inherit that."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    explain_missing()


class ByStack(LoadFileScheduling):
    """Shared among processes, the tests of a file stay together, and so do all that share one
    stack in containers, one cluster, or what is rendered once. (Marks for it,
    `--dist loadgroup`, have no effect from pytest 9.2 on: pytest-xdist 3.8 writes the group into
    an attribute that is not read any more.)"""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file.startswith("tests/compose/") and Path(file).stem not in STACKS_OF_THEIR_OWN:
            return "tests/compose"
        together = ("tests/cluster", "tests/kubernetes", "tests/conformance/kubernetes")
        return next((one for one in together if file.startswith(f"{one}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return ByStack(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """With REQUIRE_ALL=1 a skipped test has failed: CI must run everything."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although REQUIRE_ALL=1: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What this machine could not run, by reason: nobody reads a list of hundreds."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    terminalreporter.section("NOT TESTED ON THIS MACHINE", yellow=True, bold=True)
    for reason, number in reasons.most_common():
        terminalreporter.line(f"{number:5} tests: {reason}", yellow=True)


class ConnectionInUnitTest(AssertionError):
    """A unit test tried to open a network connection."""


@pytest.fixture(autouse=True)
def _no_connections_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if UNIT not in request.path.parents:
        return

    def refuse(_self: socket.socket, address: object) -> None:
        raise ConnectionInUnitTest(f"connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Spans that ended since the test began: `spans.get_finished_spans()`."""
    _finished.clear()
    yield _finished
    _finished.clear()


@pytest.fixture
def metric_values() -> Callable[[str], list[float]]:
    """The values of a metric now (of a histogram, the sum), one for each set of attributes.
    Counters count from the beginning of the run: compare before and after."""

    def values(name: str) -> list[float]:
        data = _measured.get_metrics_data()
        return [
            point.value if isinstance(point, NumberDataPoint) else point.sum
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    return values

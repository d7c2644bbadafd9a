"""At rest nobody writes an error, and no tile is red: among those that mean nothing, the one that
does is not seen."""

import re
from typing import Any

import pytest

from tests import waiting
from tests.compose.first_telemetry import FirstTelemetry
from tests.compose.project import ComposeProject
from tests.panels import Panels
from tests.promql import DASHBOARDS, is_there_at_once, panels
from tests.telemetry_stores import LogsStore, MetricsStore, eventually

# As each kind of program here marks one: Go's loggers, those of Kubernetes, of VictoriaMetrics and
# the collector, our services, nginx, MySQL.
ERROR = re.compile(
    r"level=(error|fatal|ERROR)\b|\| [EF]\d{4} |\t(error|fatal|panic)\t"
    r'|"(level|severity)": ?"(ERROR|FATAL|CRITICAL|error|fatal)"|\[(error|crit|alert|emerg|ERROR)\]'
    r"|Traceback|^panic:",
)
SCRAPES = 3
# VictoriaTraces is left out here, as its alert says.
RED_FOR_THE_TESTS = {"Alerts"}
TILES = [
    pytest.param(panel, id=f"{path.stem}: {panel['title']}")
    for path in DASHBOARDS
    for panel in panels(path)
    if panel["type"] == "stat"
    and panel["title"] not in RED_FOR_THE_TESTS
    and all(is_there_at_once(f"{path.stem}: ", one["expr"]) for one in panel["targets"])
]


def test_no_container_writes_an_error_at_rest(project: ComposeProject) -> None:
    """Since it is up; so far it was only looked at, and ordered from once."""
    metrics = MetricsStore(project.url("victoria-metrics", 8428))
    logs = LogsStore(project.url("victoria-logs", 9428))
    since = project.up_since.strftime("%Y-%m-%dT%H:%M:%SZ")
    # What fails at a scrape had the time to.
    for server in ("redis", "mysql", "nginx"):
        query = f'count_over_time(up{{job="{server}"}}[10m]) >= {SCRAPES}'
        eventually(lambda query=query: metrics.query(query))
    printed = project.compose("logs", "--no-color", "--since", since).splitlines()
    assert len(printed) > len(project.containers())
    assert [line for line in printed if ERROR.search(line)] == []
    # The log files of the servers come to the store with their severity.
    filed = logs.query(f"_time:>={since} severity_text:in(ERROR, FATAL)")
    assert [f"{line.get('service.name')}: {line['_msg']}" for line in filed] == []


@pytest.mark.parametrize("tile", TILES)
def test_no_tile_is_red_at_rest(telemetry: FirstTelemetry, tile: dict[str, Any]) -> None:
    """Nor soon after the start: what counts for long what only the start has done would be."""
    shown = Panels(telemetry.metrics, telemetry.logs)
    steps = tile["fieldConfig"]["defaults"]["thresholds"]["steps"]

    def color(value: float) -> str:
        return [one["color"] for one in steps if one["value"] is None or value >= one["value"]][-1]

    def colors() -> list[str]:
        found = [series for target in tile["targets"] for series in shown.ask(target)]
        return [color(float(one["values"][-1][1])) for one in found]

    waiting.eventually(colors, lambda found: found and "red" not in found, 60, 1)

"""The alert rules on log lines: a real vmalert replays an hour that a real VictoriaLogs has, and
what it says of that hour is read back. (vmalert-tool knows rules on metrics alone.)"""

import json
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.promql import LOG_ALERTS, alert_rules
from tests.telemetry_stores import VictoriaLogs, VictoriaMetrics, go_server

BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
Line = dict[str, str]


def lines(service: str, minute: int, number: int, text: str, **fields: str) -> Iterator[Line]:
    """All within one minute."""
    for count in range(number):
        at = BEGAN + timedelta(minutes=minute, seconds=count % 50)
        named = {"service.name": service, "severity_text": "INFO", **fields}
        yield {"_time": at.isoformat(), "_msg": text, **named}


# Alert → lines that raise it for the service `bad`, and lines of the service `good` that are near.
CASES = {
    "NoSpaceLeft": (
        lines("bad", 10, 1, "Error writing to the AOF file: No space left on device"),
        lines("good", 10, 9, "there is space left on the device"),
    ),
    "ServerCrashed": (
        lines("bad", 10, 1, "2026-11-28T08:00:00Z UTC - mysqld got signal 11 ;"),
        lines("good", 10, 9, "got a signal to stop"),
    ),
    "ErrorsLogged": (
        lines("bad", 10, 60, "it failed", severity_text="ERROR"),
        # As many as are let pass, and what was counted at the edge.
        (
            *lines("good", 10, 50, "it failed", severity_text="ERROR"),
            *lines(
                "good", 10, 90, "GET /", severity_text="ERROR", **{"log.file.name": "access.log"}
            ),
        ),
    ),
    "LogVolume": (lines("bad", 10, 300_100, "again"), lines("good", 10, 1000, "again")),
}


@pytest.fixture(scope="module")
def stores(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[VictoriaLogs, VictoriaMetrics]]:
    with (
        VictoriaLogs(tmp_path_factory.mktemp("logs")) as logs,
        VictoriaMetrics(tmp_path_factory.mktemp("metrics")) as metrics,
    ):
        yield logs, metrics


def insert(store: VictoriaLogs, told: Iterable[Line]) -> None:
    body = "\n".join(json.dumps(line) for line in told)
    parameters = {"_stream_fields": "service.name"}
    url = f"{store.url}/insert/jsonline"
    assert httpx.post(url, params=parameters, content=body, timeout=60).is_success


def replay(logs: VictoriaLogs, metrics: VictoriaMetrics, folder: Path) -> None:
    ends = BEGAN + timedelta(minutes=30)
    command = [
        str(go_server("vmalert")),
        *(f"-rule={path}" for path in LOG_ALERTS),
        "-rule.defaultRuleType=vlogs",
        "-evaluationInterval=15s",
        f"-datasource.url={logs.url}",
        f"-remoteWrite.url={metrics.url}",
        f"-replay.timeFrom={BEGAN.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        f"-replay.timeTo={ends.strftime('%Y-%m-%dT%H:%M:%SZ')}",
        "-replay.disableProgressBar",
        "-replay.rulesDelay=0s",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_alert_on_lines_fires_for_whom_it_should_and_ends(
    stores: tuple[VictoriaLogs, VictoriaMetrics], tmp_path: Path
) -> None:
    logs, metrics = stores
    assert {rule["alert"] for rule in alert_rules(of_metrics=False)} == CASES.keys()
    for number, (raising, near) in enumerate(CASES.values()):
        # Each alert has a pair of services of its own, which is told apart by its number.
        for told in (raising, near):
            insert(
                logs,
                ({**line, "service.name": f"{line['service.name']}-{number}"} for line in told),
            )
    # What was sent just now is seen by the next query of this kind, not by that of another process.
    assert logs.query("* | stats count() as lines")
    replay(logs, metrics, tmp_path)
    at = (BEGAN + timedelta(minutes=20)).timestamp()
    fired = {
        (sample["metric"]["alertname"], sample["metric"]["service_name"])
        for sample in metrics.query('max_over_time(ALERTS{alertstate="firing"}[16m])', at)
    }
    assert fired == {(name, f"bad-{number}") for number, name in enumerate(CASES)}
    later = (BEGAN + timedelta(minutes=29)).timestamp()
    assert metrics.query('ALERTS{alertstate="firing"}', later) == []

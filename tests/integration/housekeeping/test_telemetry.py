"""What runs send goes through the real collector into the real stores, where the dashboard and the
alerts find it, also when nothing has run for longer than a series lives."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.collectors import Pipeline, running_pipeline
from tests.integration.housekeeping.shop import Shop
from tests.processes import CLEAN
from tests.promql import OF_RUNS, alert_rules, dashboard_targets
from tests.telemetry_stores import eventually

ROOT = Path(__file__).parents[3]
COMMANDS = ("backup", "status", "drill", "purge-backups", "purge-orders", "reconcile")
DAY = 86_400
OF_HOUSEKEEPING = {
    *("BackupTooOld", "RestoreDrillFailed", "RestoreDrillTooOld", "ReconcileDifference"),
    *("HousekeepingFailed", "HousekeepingIncomplete", "HousekeepingOverdue"),
}
SETTINGS = ("DATABASE_URL", "QUEUE_REDIS_URL", "AUDIT_DIRECTORY", "BACKUP_DIRECTORY")


class Watched:
    def __init__(self, pipeline: Pipeline, folder: Path) -> None:
        self.pipeline = pipeline
        self._environment = CLEAN | {
            **{name: os.environ[name] for name in SETTINGS},
            "ARCHIVE_DIRECTORY": str(folder / "archive"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": pipeline.collector.otlp_url,
        }

    def run(self, *arguments: str, code: int = 0) -> None:
        command = [sys.executable, "-m", "housekeeping", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr

    def lines(self, target: dict[str, Any]) -> list[Any]:
        """Of a panel's query."""
        if target["queryType"] == "statsRange":
            return list(self.pipeline.logs.query_range(target["expr"], seconds=300))
        return list(self.pipeline.logs.query(target["expr"]))


@pytest.fixture
def watched(kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"order_id": "00000000-0000-4000-8000-000000000001", "entry_id": "1-1"}
    (kept_shop.audit / "accepted-here.jsonl").write_text(json.dumps(line | {"accepted_at": now}))
    (folder := tmp_path / "pipeline").mkdir()
    with running_pipeline(folder) as pipeline:
        yield Watched(pipeline, tmp_path)


# What is sent does not depend on the database.
@pytest.mark.parametrize("migrated_url", ["sqlite"], indirect=True)
def test_runs_are_found_by_dashboard_and_alerts(watched: Watched) -> None:
    for command in COMMANDS:
        watched.run(command, code=1 if command == "reconcile" else 0)
    metrics, logs = watched.pipeline.metrics, watched.pipeline.logs
    last_run = "arloji_housekeeping_last_run_seconds"
    eventually(lambda: {one["command"] for one in metrics.labels(last_run)} == set(COMMANDS))
    # One series goes on from run to run; nothing of a process that is no more.
    series = metrics.labels('{service_name="housekeeping"}')
    assert {labels["service_instance_id"] for labels in series} == {"housekeeping"}
    assert not {one["__name__"] for one in series if one["__name__"].startswith("process_")}
    (line,) = eventually(lambda: logs.query('{service.name="housekeeping"} command:=reconcile'))
    assert (line["_msg"], len(line["trace_id"])) == ("reconcile ended: finding", 32)
    for _, target in dashboard_targets("vm"):
        # Rotation alone leaves the last of these: test_textfile.py.
        if OF_RUNS.search(target["expr"]) and "arloji_logs" not in target["expr"]:
            # What is asked each minute has nothing of the last one.
            eventually(lambda query=target["expr"]: metrics.query(query), seconds=100)
    for title, target in dashboard_targets("vl"):
        if title.startswith("housekeeping: "):
            eventually(lambda asked=target: watched.lines(asked))
    fire = {rule["alert"] for rule in alert_rules(of_logs=False) if metrics.query(rule["expr"])}
    assert {"ReconcileDifference"} == fire & OF_HOUSEKEEPING
    # As asked later: the last run counts however long ago it was.
    age = "time() - max(last_over_time(arloji_backup_newest_verified_seconds[35d]))"
    ten_days = time.time() + 10 * DAY
    (found,) = metrics.query(age, at=ten_days)
    assert 10 * DAY <= float(found["value"][1]) < 10 * DAY + 600
    late = {
        rule["alert"]
        for rule in alert_rules(of_logs=False)
        if metrics.query(rule["expr"], at=time.time() + 10 * DAY)
    }
    assert late & OF_HOUSEKEEPING == {"BackupTooOld", "RestoreDrillTooOld", "HousekeepingOverdue"}

"""How long telemetry is kept, and up to which size: the same in every way to run, and as its page
says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.promql import OBSERVABILITY, alert_rules

ROOT = Path(__file__).parents[2]
# Store → days, bound. Of metrics there is none that VictoriaMetrics could keep.
KEPT = {
    "victoria-metrics": (90, None),
    "victoria-logs": (90, "32GiB"),
    "victoria-traces": (30, "10GiB"),
}
ROWS = {"victoria-metrics": "metrics", "victoria-logs": "logs", "victoria-traces": "traces"}


def kept_by(flags: list[str]) -> tuple[int, str | None]:
    text = "\n".join(flags)
    (days,) = re.findall(r"^-retentionPeriod=(\d+)d$", text, re.MULTILINE)
    bounds = re.findall(r"^-retention\.maxDiskSpaceUsageBytes=(\w+)$", text, re.MULTILINE)
    return int(days), bounds[0] if bounds else None


def kubernetes_flags(store: str) -> list[str]:
    text = (ROOT / "k8s" / "base" / "observability" / f"{store}.yaml").read_text()
    workloads: list[Any] = [one for one in yaml.safe_load_all(text) if one["kind"] == "StatefulSet"]
    (workload,) = workloads
    containers = workload["spec"]["template"]["spec"]["containers"]
    return next(list(one["args"]) for one in containers if one["name"] == store)


@pytest.mark.parametrize("store", KEPT)
def test_each_store_keeps_as_long_everywhere(store: str) -> None:
    compose = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    assert kept_by(compose[store]["command"]) == KEPT[store]
    assert kept_by(kubernetes_flags(store)) == KEPT[store]
    page = (ROOT / "docs" / "observability.md").read_text()
    (row,) = re.findall(rf"^\| {ROWS[store]} \| (\d+) days \| (.*?)[,:|]", page, re.MULTILINE)
    days, bound = KEPT[store]
    assert (int(row[0]), row[1]) == (days, bound.replace("GiB", " GiB") if bound else "no bound")


def test_an_alert_knows_how_long_logs_are_promised() -> None:
    (expression,) = [one["expr"] for one in alert_rules() if one["alert"] == "LogsGoEarly"]
    assert expression.endswith(f" < {KEPT['victoria-logs'][0]}")


def test_log_files_are_kept_as_long_as_logs_in_their_store() -> None:
    rotation = (ROOT / "housekeeping" / "rotate_logs" / "common.conf").read_text()
    assert re.findall(r"^maxage (\d+)$", rotation, re.MULTILINE) == ["90"]

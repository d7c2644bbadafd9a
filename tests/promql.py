"""Which metrics a query of VictoriaMetrics asks for, and every query that the repository has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

OBSERVABILITY = Path(__file__).parents[1] / "observability"
DASHBOARDS = sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json"))
ALERTS = sorted((OBSERVABILITY / "alerts").glob("*.yaml"))
# Asked of VictoriaLogs.
LOG_ALERTS = sorted((OBSERVABILITY / "log-alerts").glob("*.yaml"))
# They ask for what only a cluster has.
OF_KUBERNETES = ("kubernetes: ", "alert kubernetes: ")
# What there is only after housekeeping has run.
OF_RUNS = re.compile(r"arloji_(backup_|housekeeping_|logs_|orders_purged|reconcile_)")

_KEYWORDS = {
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "bool",
    "offset",
}
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTED_BY_NAME = re.compile(r'__name__=~"([^"]+)"')


def metrics_in(query: str) -> set[str]:
    """Names; of a selection by pattern, the pattern, which the caller finds by its parentheses."""
    patterns = set(_SELECTED_BY_NAME.findall(query))
    bare = re.sub(r'\{(?:"[^"]*"|[^}"])*\}|\[[^\]]*\]', " ", query)
    bare = _LABEL_LISTS.sub(" ", re.sub(r'"[^"]*"', " ", bare))
    words = re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()", bare)
    return (set(words) - _KEYWORDS) | patterns


def panels(path: Path) -> list[dict[str, Any]]:
    """Of one dashboard, without the titles of its rows."""
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def dashboard_targets(source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Panel title and target, for each that asks the data source with this uid."""
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                if target["datasource"]["uid"] == source:
                    yield f"{path.stem}: {panel['title']}", target


def alert_rules(*, of_metrics: bool = True, of_logs: bool = True) -> Iterator[dict[str, Any]]:
    for path in (*(ALERTS if of_metrics else ()), *(LOG_ALERTS if of_logs else ())):
        yield from (rule for rule in _rules_of(path) if "alert" in rule)


def recorded_names() -> set[str]:
    return {rule["record"] for path in ALERTS for rule in _rules_of(path) if "record" in rule}


def _rules_of(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text())["groups"]:
        yield from group["rules"]


def is_there_at_once(where: str, query: str) -> bool:
    """Runs have tests of their own: tests/integration/housekeeping/test_telemetry.py."""
    of_runs = OF_RUNS.search(query) or '"housekeeping"' in query
    return not (where.startswith(OF_KUBERNETES) or of_runs)


def metric_queries() -> Iterator[tuple[str, str]]:
    """Where it stands, and the query, of dashboards and rules."""
    for title, target in dashboard_targets("vm"):
        yield title, target["expr"]
    for path in ALERTS:
        for rule in _rules_of(path):
            yield f"alert {path.stem}: {rule.get('alert') or rule['record']}", rule["expr"]

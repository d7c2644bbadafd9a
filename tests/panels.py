"""What panels of dashboards show: their very queries, asked of running stores as Grafana would."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.telemetry_stores import LogsStore, MetricsStore

Target = dict[str, Any]
# What Grafana would put in: for sources that are scraped every 15 s, and with all chosen.
ALWAYS = {"$__rate_interval": "1m", "$__range": "5m", "$service": ".*", "$search": "*"}
_LABELS = re.compile(r"\{\{ *([\w.]+) *\}\}")


@dataclass(frozen=True)
class Panels:
    metrics: MetricsStore
    logs: LogsStore
    # Of variables that have no value of their own: `$trace_id`.
    values: Mapping[str, str] = field(default_factory=dict)

    def filled_in(self, expression: str) -> str:
        for variable, value in (ALWAYS | dict(self.values)).items():
            expression = expression.replace(variable, value)
        assert "$" not in expression
        return expression

    def ask(self, target: Target, seconds: int = 300, step: str = "15s") -> list[dict[str, Any]]:
        """Series with `metric` and `values`, or log lines."""
        query = self.filled_in(target["expr"])
        kind = target.get("queryType", "instant" if target.get("instant") else "range")
        if target["datasource"]["uid"] == "vm":
            if kind == "range":
                return self.metrics.query_range(query, seconds, step)
            return _as_series(self.metrics.query(query))
        if kind == "statsRange":
            return self.logs.query_range(query, seconds, step)
        if kind == "stats":
            return _as_series(self.logs.query_stats(query, seconds))
        return self.logs.query(f"{query} | limit 20")

    def shows(self, target: Target) -> bool:
        """Whether it has data, with all labels that its legend names. An order that was confirmed
        has no reason, and a zero for want of any event no label at all."""
        found = self.ask(target)
        if target["datasource"]["uid"] != "vm":
            return bool(found)
        named = {label for one in found for label in one["metric"]}
        wanted = set(_LABELS.findall(target.get("legendFormat", ""))) - {"reason"}
        has_figures = any(value != "NaN" for one in found for _, value in one["values"])
        return has_figures and (not named or wanted <= named)

    def largest(self, target: Target) -> float:
        return max(float(value) for one in self.ask(target) for _, value in one["values"])


def _as_series(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"metric": one["metric"], "values": [one["value"]]} for one in found]


def legend(target: Target, labels: Mapping[str, str]) -> str:
    """Of one series, as Grafana writes it."""
    form = target.get("legendFormat", "")
    return _LABELS.sub(lambda found: labels.get(found[1], ""), form).strip()

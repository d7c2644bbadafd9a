"""Panels of a Grafana dashboard as data, and their JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

METRICS = {"type": "prometheus", "uid": "vm"}
LOGS = {"type": "victoriametrics-logs-datasource", "uid": "vl"}
TRACES = {"type": "jaeger", "uid": "vt"}

RED, ORANGE, GREEN = "red", "orange", "green"


@dataclass(frozen=True)
class Query:
    """`legend` names each line: `{{label}}`, or what the one line is."""

    expression: str
    legend: str = ""
    source: Mapping[str, str] = field(default_factory=lambda: METRICS)
    # Of VictoriaLogs: `instant` for lines, `statsRange` for figures over time. Of Jaeger:
    # `dependencyGraph`, `search`; without one the expression is a trace id.
    query_type: str = ""
    instant: bool = False
    # What only this kind of query has.
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, number: int) -> Json:
        target: Json = {"refId": chr(ord("A") + number), "datasource": dict(self.source)}
        if self.query_type:
            target["queryType"] = self.query_type
        if self.expression:
            target["query" if self.source == TRACES else "expr"] = self.expression
        if self.source == METRICS:
            target |= {"instant": self.instant, "range": not self.instant, "editorMode": "code"}
        if self.legend:
            target["legendFormat"] = self.legend
        return target | dict(self.more)


@dataclass(frozen=True)
class Panel:
    """`description` says what to do when it looks wrong; it is not optional."""

    title: str
    description: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 7
    # From which value on it is orange and red; ascending, unless `low_is_bad`.
    warn: float | None = None
    bad: float | None = None
    low_is_bad: bool = False
    # Bounds of the axis.
    least: float | None = 0
    most: float | None = None
    # `percent` shows shares of the whole.
    stacking: Literal["none", "normal", "percent"] = "none"
    mappings: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    links: Sequence[Json] = ()
    # Column of a table → where its values lead.
    column_links: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self, number: int, x: int, y: int) -> Json:
        source = self.queries[0].source
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": dict(source),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "targets": [query.to_json(index) for index, query in enumerate(self.queries)],
        }

    def _defaults(self) -> Json:
        defaults: Json = {
            "unit": self.unit,
            "color": {"mode": "palette-classic" if self.kind == "timeseries" else "thresholds"},
            "thresholds": {"mode": "absolute", "steps": self._steps()},
        }
        if self.least is not None:
            defaults["min"] = self.least
        if self.most is not None:
            defaults["max"] = self.most
        if self.links:
            defaults["links"] = list(self.links)
        if self.mappings:
            options = {
                value: {"text": text, "color": color, "index": index}
                for index, (value, (text, color)) in enumerate(self.mappings.items())
            }
            defaults["mappings"] = [{"type": "value", "options": options}]
        if self.kind == "timeseries":
            defaults["custom"] = {
                "lineWidth": 1,
                "fillOpacity": 0 if self.stacking == "none" else 20,
                "showPoints": "never",
                "spanNulls": 60_000,
                "stacking": {"mode": self.stacking},
                "thresholdsStyle": {"mode": "off" if self.warn is None else "dashed"},
            }
        return defaults

    def _overrides(self) -> list[Json]:
        return [
            {
                "matcher": {"id": "byName", "options": column},
                "properties": [{"id": "links", "value": [link]}],
            }
            for column, link in self.column_links.items()
        ]

    def _steps(self) -> list[Json]:
        steps: list[Json] = [{"value": None, "color": GREEN}]
        if self.low_is_bad:
            steps = [{"value": None, "color": RED}]
            if self.bad is not None:
                steps.append({"value": self.bad, "color": ORANGE})
            if self.warn is not None:
                steps.append({"value": self.warn, "color": GREEN})
            return steps
        for value, color in ((self.warn, ORANGE), (self.bad, RED)):
            if value is not None:
                steps.append({"value": value, "color": color})
        return steps

    def _options(self) -> Json:
        if self.kind == "stat":
            return {
                "colorMode": "background",
                "graphMode": "area",
                "reduceOptions": {"calcs": ["lastNotNull"]},
            }
        if self.kind == "bargauge":
            return {
                "orientation": "horizontal",
                "displayMode": "basic",
                "reduceOptions": {"calcs": ["lastNotNull"]},
            }
        if self.kind == "logs":
            return {"showTime": True, "wrapLogMessage": True, "enableLogDetails": True}
        if self.kind == "timeseries":
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        return {}


def log_lines(title: str, description: str, query: str, *, height: int = 9) -> Panel:
    """Over the whole width."""
    lines = Query(query, source=LOGS, query_type="instant")
    return Panel(title, description, [lines], kind="logs", width=24, height=height)


@dataclass(frozen=True)
class Row:
    """Without a title there is no line above its panels."""

    title: str
    panels: Sequence[Panel]

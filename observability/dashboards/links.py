"""Links of panels to Grafana's Explore."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from observability.dashboards.panels import LOGS, TRACES, Json


def logs_of_service() -> Json:
    """From a line that has the label `service_name` to the log lines of the same time."""
    return _explore("Logs of this service", LOGS, {"expr": '{service.name="SERVICE"}'})


def traces_of_service() -> Json:
    query = {"queryType": "search", "service": "SERVICE", "limit": 50}
    return _explore("Traces of this service", TRACES, query)


def _explore(title: str, source: Mapping[str, str], query: Json) -> Json:
    """A link that keeps the time range."""
    pane = {
        "datasource": source["uid"],
        "queries": [{"refId": "A", "datasource": dict(source), **query}],
        "range": {"from": "FROM", "to": "TO"},
    }
    text = quote(json.dumps({"a": pane}, separators=(",", ":")), safe="")
    variables = {
        "SERVICE": "${__field.labels.service_name}",
        "FROM": "${__from}",
        "TO": "${__to}",
    }
    for placeholder, variable in variables.items():
        text = text.replace(placeholder, variable)
    return {"title": title, "url": f"/explore?schemaVersion=1&panes={text}", "targetBlank": True}

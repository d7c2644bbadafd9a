"""Links of panels: to dashboards, which all who may look may open, and of traces to Explore."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from observability.dashboards.panels import TRACES, Json

_SERVICE, _ROUTE = "${__field.labels.service_name}", "${__field.labels.http_route}"


def of_service() -> tuple[Json, ...]:
    """From a line that has the label `service_name` to log lines and traces of the same time."""
    return _logs(), _traces("Traces of this service")


def of_route() -> tuple[Json, ...]:
    """The same for one that has `http_route` as well: traces of that route alone."""
    return _logs(), _traces("Traces of this route", tags='http.route="ROUTE"')


def to_dashboard(uid: str, title: str) -> tuple[Json, ...]:
    """Where the causes of a figure are."""
    return (_link(title, f"/d/{uid}/{uid.removeprefix('arloji-')}?"),)


def to_lines(title: str, service: str, search: str) -> tuple[Json, ...]:
    """Of the dashboard Logs. `search` is LogsQL, and may name labels of the line."""
    chosen = f"var-service={service}&var-search={quote(search, safe='${}')}"
    return (_link(title, f"/d/arloji-logs/logs?{chosen}&"),)


def _logs() -> Json:
    return _link("Logs of this service", f"/d/arloji-logs/logs?var-service={_SERVICE}&")


def _link(title: str, url: str) -> Json:
    """The time range is kept."""
    return {"title": title, "url": f"{url}from=${{__from}}&to=${{__to}}"}


def _traces(title: str, **more: str) -> Json:
    query = {"queryType": "search", "service": "SERVICE", "limit": 50, **more}
    return _explore(title, TRACES, query)


def _explore(title: str, source: Mapping[str, str], query: Json) -> Json:
    """A link that keeps the time range."""
    pane = {
        "datasource": source["uid"],
        "queries": [{"refId": "A", "datasource": dict(source), **query}],
        "range": {"from": "FROM", "to": "TO"},
    }
    text = quote(json.dumps({"a": pane}, separators=(",", ":")), safe="")
    variables = {"SERVICE": _SERVICE, "ROUTE": _ROUTE, "FROM": "${__from}", "TO": "${__to}"}
    for placeholder, variable in variables.items():
        text = text.replace(placeholder, variable)
    return {"title": title, "url": f"/explore?schemaVersion=1&panes={text}", "targetBlank": True}

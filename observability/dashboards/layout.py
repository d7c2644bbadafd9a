"""A dashboard of rows of panels, and the variables above them."""

from collections.abc import Iterable, Sequence

from observability.dashboards.panels import Json, Row

COLUMNS = 24


def text_variable(name: str, label: str, text: str = "") -> Json:
    """A field above the panels; a link fills it in by `?var-<name>=`."""
    return {"type": "textbox", "name": name, "label": label, "query": text, "hide": 0}


def choice_variable(name: str, label: str, values: Iterable[str]) -> Json:
    """A list above the panels, of which one or all are chosen: `=~"$name"` in queries."""
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(values),
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "hide": 0,
    }


def dashboard(
    uid: str,
    title: str,
    description: str,
    rows: Iterable[Row],
    *,
    variables: Sequence[Json] = (),
    since: str = "now-15m",
    refresh: str = "10s",
) -> Json:
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["arloji"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": refresh,
        "time": {"from": since, "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(variables)},
        "annotations": {"list": []},
        # To all the others, for the same time.
        "links": [
            {
                "type": "dashboards",
                "title": "Dashboards",
                "tags": ["arloji"],
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
                "targetBlank": False,
            }
        ],
        "panels": _placed(rows),
    }


def _placed(rows: Iterable[Row]) -> list[Json]:
    """Panels flow from left to right and wrap; ids follow their order."""
    panels: list[Json] = []
    y = 0
    for row in rows:
        if row.title:
            panels.append(_heading(row.title, len(panels) + 1, y))
            y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            panels.append(panel.to_json(len(panels) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return panels


def _heading(title: str, number: int, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        "panels": [],
    }

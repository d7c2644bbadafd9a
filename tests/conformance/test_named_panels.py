"""Where runbooks, scenarios, alerts and panels send somebody, there is such a dashboard, row or
panel."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.promql import DASHBOARDS, OBSERVABILITY, alert_rules, panels

DOCS = OBSERVABILITY.parent / "docs"
# By the titles of dashboards; rows are among their panels.
SHOWN = {
    read["title"]: {panel["title"] for panel in read["panels"]}
    for read in (json.loads(path.read_text()) for path in DASHBOARDS)
}
ALERTS = {rule["alert"] for rule in alert_rules()} | {"AlertingBroken"}
# Emphasized with a capital as well.
OTHERS = {"Explore", "Queue full, dropping …"}
KNOWN = ALERTS | OTHERS | SHOWN.keys() | {name for shown in SHOWN.values() for name in shown}

_NAME = r"(?<!\*)\*([A-Z][^*\n]*)\*(?!\*)"
# dashboard *Data*, row *Statements*; dashboard *Data*, *Cache hits* and *Redis: memory*
_ON_IT = re.compile(rf"[Dd]ashboard {_NAME},(?: row)? {_NAME}(?: and {_NAME})?")
# *Backlog* (dashboard *Order pipeline*)
_OF_IT = re.compile(rf"{_NAME} \(dashboard {_NAME}")
# In plain text the first of several: dashboards Nodes and containers, Data and Telemetry health
_PLAIN = re.compile(r"\b[Dd]ashboards? (?=[A-Z])(.*)")


def texts() -> Iterator[tuple[str, str]]:
    pages = (DOCS / "observability.md", *DOCS.glob("runbooks/*.md"), *DOCS.glob("scenarios/*.md"))
    for page in pages:
        yield page.name, page.read_text()
    for rule in alert_rules():
        yield rule["alert"], rule["annotations"]["description"]
    for path in DASHBOARDS:
        for panel in panels(path):
            yield f"{path.stem}: {panel['title']}", panel["description"]


def unknown(text: str) -> set[str]:
    placed = [(panel, dashboard) for dashboard, *named in _ON_IT.findall(text) for panel in named]
    placed += _OF_IT.findall(text)
    return (
        {name for name in re.findall(_NAME, text) if name not in KNOWN}
        | {panel for panel, of in placed if panel and panel not in SHOWN.get(of, {panel})}
        | {after for after in _PLAIN.findall(text) if not after.startswith(tuple(SHOWN))}
    )


def test_every_dashboard_row_and_panel_that_is_named_exists() -> None:
    assert {where: found for where, text in texts() if (found := unknown(text))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dashboard *Arloji*, row *Servers*", {"Arloji", "Servers"}),
        ("dashboard *Data*, *Cache hits* and *Backlog*", {"Backlog"}),
        ("*Log files* (dashboard *Data*)", {"Log files"}),
        ("dashboard Arloji has it", {"Arloji has it"}),
        ("dashboard *Data*, row *Statements*; *Backlog* (dashboard *Order pipeline*)", set()),
    ],
)
def test_what_does_not_exist_is_found(text: str, found: set[str]) -> None:
    assert unknown(text) == found

"""Each scenario has a page of one form, faults for both ways to run, and names what exists."""

import json

import pytest

from tests.conformance.test_dashboards import known_names
from tests.promql import DASHBOARDS, alert_rules, metrics_in
from tools.scenarios import compose, embedded
from tools.scenarios.fault import NAMES
from tools.scenarios.pages import FOLDER, SECTIONS, read_page


def test_each_has_a_page_and_a_fault_in_both_ways_to_run() -> None:
    pages = {path.stem for path in FOLDER.glob("*.md")} - {"README"}
    assert pages == set(NAMES)
    assert set(embedded.faults("1")) == set(compose.faults("1")) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_all_and_names_what_exists(name: str) -> None:
    page = read_page(name)
    assert tuple(page.sections) == SECTIONS
    assert page.queries
    assert page.alerts or page.panels
    assert {one for query in page.queries for one in metrics_in(query)} <= known_names()
    texts = map(json.loads, (path.read_text() for path in DASHBOARDS))
    assert page.panels <= {panel["title"] for one in texts for panel in one["panels"]}
    assert page.alerts <= {rule["alert"] for rule in alert_rules()}

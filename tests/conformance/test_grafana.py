"""Dashboards are what Grafana can read, one screen where it was promised, and the same files in
compose and in Kubernetes; from every signal a link leads to both others."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.dashboards.load_test import USER_AGENT
from tests.grafana_schema import UNITS, complaints
from tests.promql import DASHBOARDS, OBSERVABILITY, panels

ROOT = OBSERVABILITY.parent
GRAFANA = OBSERVABILITY / "grafana"
# Rows of 38 pixels on a screen of 1080, less a browser's bars and Grafana's own.
ONE_SCREEN = 22
each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
overview = json.loads((GRAFANA / "dashboards" / "overview.json").read_text())


@each_dashboard
def test_grafana_knows_every_field(path: Path) -> None:
    assert complaints(json.loads(path.read_text())) == []


def first(kind: str, dashboard: dict[str, Any]) -> dict[str, Any]:
    return next(panel for panel in dashboard["panels"] if panel["type"] == kind)


@pytest.mark.parametrize(
    "damage",
    [
        lambda one: one.update(graphTooltip="all"),
        lambda one: first("stat", one).update(type="singlestat"),
        lambda one: first("stat", one)["gridPos"].update(w="6"),
        lambda one: first("stat", one)["targets"][0].update(legend="x"),
        lambda one: first("timeseries", one)["options"]["legend"].update(placement="left"),
        lambda one: first("timeseries", one)["fieldConfig"]["defaults"]["custom"].update(fill=1),
    ],
    ids=["value", "deprecated panel", "type", "query", "choice", "field"],
)
def test_what_grafana_does_not_know_is_found(damage: Callable[[Any], None]) -> None:
    damaged = copy.deepcopy(overview)
    damage(damaged)
    assert len(complaints(damaged)) == 1


@each_dashboard
def test_every_panel_has_a_unit_and_every_single_figure_thresholds(path: Path) -> None:
    for panel in panels(path):
        shown = panel["fieldConfig"]["defaults"]
        assert shown["unit"] in UNITS, panel["title"]
        if panel["type"] == "stat":
            assert len(shown["thresholds"]["steps"]) > 1, panel["title"]


def test_the_overview_is_the_first_page_and_fits_one_screen() -> None:
    places = [panel["gridPos"] for panel in overview["panels"]]
    assert max(place["y"] + place["h"] for place in places) <= ONE_SCREEN
    home = "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=/opt/arloji/dashboards/overview.json"
    assert home in (GRAFANA / "Dockerfile").read_text()


def test_each_dashboard_is_a_config_map_of_its_own_that_grafana_mounts() -> None:
    generators = yaml.safe_load((OBSERVABILITY / "kustomization.yaml").read_text())
    maps = {one["name"]: one["files"] for one in generators["configMapGenerator"]}
    wanted = {
        f"grafana-dashboard-{path.stem}": [f"grafana/dashboards/{path.name}"] for path in DASHBOARDS
    }
    written = {name: files for name, files in maps.items() if files[0].endswith(".json")}
    assert written == wanted
    assert max(path.stat().st_size for path in DASHBOARDS) < 200 * 1024
    manifest = (ROOT / "k8s" / "base" / "observability" / "grafana.yaml").read_text()
    mounted = re.findall(r"- configMap: {name: (grafana-dashboard-[a-z-]+)}", manifest)
    assert sorted(mounted) == sorted(wanted)


def test_nobody_looks_without_login_but_on_their_own_machine() -> None:
    service = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]["grafana"]
    assert service["ports"][0]["host_ip"] == "${ARLOJI_BIND:-127.0.0.1}"
    compose = service["environment"]
    assert compose["GF_AUTH_ANONYMOUS_ENABLED"] == "${ARLOJI_GRAFANA_ANONYMOUS:-true}"
    assert compose["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    for path in sorted((ROOT / "k8s").rglob("*.yaml")):
        for value in re.findall(r"GF_AUTH_ANONYMOUS_ENABLED, value: (.*)}", path.read_text()):
            assert value == '"false"', path


def test_every_signal_leads_to_both_others() -> None:
    provisioned = GRAFANA / "provisioning" / "datasources" / "stores.yaml"
    sources = {one["uid"]: one for one in yaml.safe_load(provisioned.read_text())["datasources"]}
    from_trace, from_line = sources["vt"]["jsonData"], sources["vl"]["jsonData"]["derivedFields"]
    assert from_trace["tracesToLogsV2"]["datasourceUid"] == "vl"
    assert from_trace["tracesToMetrics"]["datasourceUid"] == "vm"
    fields = {field["matcherRegex"]: field["url"] for field in from_line}
    assert "/d/arloji-request/" in fields["trace_id"]
    assert "/d/arloji-request-path/" in fields[r"service\.name"]
    links = [
        link
        for path in DASHBOARDS
        for panel in panels(path)
        for link in panel["fieldConfig"]["defaults"].get("links", [])
        if "service_name" in link["url"]
    ]
    explored = {link["title"]: link["url"] for link in links}
    assert explored.keys() == {
        "Logs of this service",
        "Traces of this service",
        "Traces of this route",
    }
    for url in explored.values():
        assert {"${__field.labels.service_name}", "${__from}", "${__to}"} <= set(
            re.findall(r"\$\{[\w.]+\}", url)
        )
    assert "${__field.labels.http_route}" in explored["Traces of this route"]


def test_the_load_tester_is_known_by_what_it_calls_itself() -> None:
    # Not imported: Locust has an environment of its own.
    text = (ROOT / "loadtest" / "client.py").read_text()
    assert f'"User-Agent": "{USER_AGENT}"' in text

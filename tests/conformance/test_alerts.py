"""Every alert says what happened, what to do, and where to look; what evaluates and shows them
reads the very files of this repository."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from alert_page.runbooks import section
from alert_page.watch import _alert
from housekeeping.schedule.command import _JOBS
from tests.promql import DASHBOARDS, OBSERVABILITY, alert_rules
from tools.alert_rules.objectives import OBJECTIVES

ROOT = OBSERVABILITY.parent
RUNBOOKS = ROOT / "docs" / "runbooks"
# Scheduled, and missed by BackupTooOld and RestoreDrillTooOld.
OWN_ALERTS = {("backup", ""), ("drill", "")}
# Told by the page of alerts, without a rule.
BY_THE_PAGE = "AlertingBroken"
# What each section says, in this order.
PARTS = ("**Means**", "**Look**", "**Mend**", "**Over**")


def test_every_alert_says_what_happened_and_what_to_do() -> None:
    names = [rule["alert"] for rule in alert_rules()]
    assert len(names) == len(set(names)) > 10
    uids = {json.loads(path.read_text())["uid"] for path in DASHBOARDS}
    for rule in alert_rules():
        said = rule["annotations"]
        assert rule["labels"]["severity"] in {"page", "ticket", "none"}
        assert "$value" in said["summary"], rule["alert"]
        assert len(said["description"].split()) >= 8, rule["alert"]
        (uid,) = re.fullmatch(r"{{ \$externalURL }}/d/([\w-]+)", said["dashboard"]).groups()  # type: ignore[union-attr]
        assert uid in uids, rule["alert"]


def _sections() -> Iterator[tuple[str, str]]:
    """Place as alerts name it, and what it says."""
    for page in RUNBOOKS.glob("*.md"):
        for heading in re.findall(r"^## (\w+)$", page.read_text(), re.MULTILINE):
            place = f"docs/runbooks/{page.name}#{heading.lower()}"
            yield place, section(RUNBOOKS, place)


def test_runbooks_and_alerts_name_each_other_and_tell_all_four_things() -> None:
    named = {rule["annotations"]["runbook_url"]: rule["alert"] for rule in alert_rules()}
    named["docs/runbooks/watching.md#alertingbroken"] = BY_THE_PAGE
    sections = dict(_sections())
    assert named.keys() == sections.keys()
    for place, text in sections.items():
        assert place.endswith(f"#{named[place].lower()}")
        assert [part for part in PARTS if part in text] == list(PARTS), place
        assert sorted(PARTS, key=text.index) == list(PARTS), place


def test_what_runbooks_say_exists() -> None:
    """Files, and alerts, which are written *SoLikeThis*."""
    declared = {rule["alert"] for rule in alert_rules()} | {BY_THE_PAGE}
    services = {
        name
        for file in ("compose.yaml", "observability/compose.yaml")
        for name in yaml.safe_load((ROOT / file).read_text())["services"]
    }
    for place, text in _sections():
        said = set(re.findall(r"\*([A-Z][a-z]+(?:[A-Z][a-z]+)+)\*", text))
        assert said <= declared, (place, said - declared)
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert link.startswith("https://") or (RUNBOOKS / link).exists(), (place, link)
        for command in re.findall(r"`docker compose (?:logs|stop|restart) ([^`>]+)", text):
            words = {word for word in command.split() if not word.startswith(("-", "<"))}
            assert words <= services, (place, command)


def test_the_alert_of_the_page_has_what_all_others_have() -> None:
    from alert_page.settings import Settings

    told = _alert("vmalert", 42.0, Settings())
    assert told["labels"]["alertname"] == BY_THE_PAGE  # type: ignore[index]
    assert "42" in told["annotations"]["summary"]  # type: ignore[index]


def test_what_evaluates_delivers_and_shows_alerts_reads_these_files() -> None:
    services = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    for name, folder in (("vmalert", "alerts"), ("vmalert-logs", "log-alerts")):
        assert f"./{folder}:/etc/alerts:ro" in services[name]["volumes"]
        assert "-rule=/etc/alerts/*.yaml" in services[name]["command"]
    page = services["alert-page"]
    assert f"../docs/runbooks:{page['environment']['RUNBOOKS_DIRECTORY']}:ro" in page["volumes"]
    watched = json.loads(page["environment"]["WATCHED"])
    assert watched == {
        name: f"http://{name}:{port}/health"
        for name, port in (("victoria-metrics", 8428), ("vmalert", 8880))
    }
    for rules in ("alerts", "log-alerts"):
        files = {f"{rules}/{path.name}" for path in (OBSERVABILITY / rules).glob("*.yaml")}
        assert _files_of(OBSERVABILITY, rules) == files
    assert _files_of(RUNBOOKS, "runbooks") == {path.name for path in RUNBOOKS.glob("*.md")}
    receivers = yaml.safe_load((OBSERVABILITY / "alertmanager/alertmanager.yaml").read_text())
    for receiver in receivers["receivers"]:
        (hook,) = receiver["webhook_configs"]
        assert hook["url"] == "http://alert-page:8090/delivered"


def test_whatever_is_scheduled_is_missed_if_it_never_runs() -> None:
    (expression,) = [one["expr"] for one in alert_rules() if one["alert"] == "HousekeepingNeverRan"]
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    expected = {(name, "") for jobs in _JOBS.values() for name in jobs} - OWN_ALERTS
    for service in services.values():
        if service.get("command", [])[:2] == ["schedule", "rotate-logs"]:
            words = service["command"]
            writer = words[words.index("--name") + 1] if "--name" in words else words[2]
            expected.add(("rotate-logs", writer))
    asked = re.findall(r'"command", "([\w-]+)"(?:, "writer", "([\w-]+)")?', expression)
    assert set(asked) == expected


def _files_of(folder: Path, name: str) -> set[str]:
    generators = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]
    (files,) = [one["files"] for one in generators if one["name"] == name]
    return set(files)


def test_bounds_of_latency_objectives_are_bounds_of_histograms() -> None:
    """Between two bounds a share is a guess."""
    edge = (OBSERVABILITY / "collector" / "derived.yaml").read_text()
    (buckets,) = set(re.findall(r"buckets: \[([^\]]+)\], value: '[^']*duration", edge))
    consumer = (ROOT / "services" / "consumer" / "metrics.py").read_text()
    (stored,) = re.findall(r"^_SECONDS = \(([^)]+)\)", consumer, re.MULTILINE)
    asked = {
        (name, bound)
        for one in OBJECTIVES
        for name, bound in re.findall(r'(\w+)_bucket\{[^}]*le="([^"]+)"', one.bad)
    }
    bounds = {
        "http_server_request_duration_seconds": buckets,
        "arloji_orders_time_to_stored_seconds": stored,
    }
    assert {name for name, _ in asked} == bounds.keys()
    for name, bound in asked:
        assert float(bound) in map(float, bounds[name].split(",")), (name, bound)

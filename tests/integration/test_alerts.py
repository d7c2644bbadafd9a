"""The alert rules with vmalert-tool on made-up series, and the configuration of what evaluates
and delivers them with those programs themselves."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from local.free_port import free_port
from tests.processes import Process, answers
from tests.promql import ALERTS, LOG_ALERTS, OBSERVABILITY, alert_rules
from tests.telemetry_stores import go_server
from tools.go_programs.build import build_program

TESTS = sorted((OBSERVABILITY / "alert-tests").glob("*.yaml"))


def rule_tester() -> Path:
    """No image has it, so nothing else builds it; beside a vmalert it is a matter of seconds."""
    go_server("vmalert")
    return build_program("vmalert-tool")


def names_by_outcome() -> dict[bool, set[str]]:
    """Which alerts the tests have seen firing (True) and silent (False)."""
    seen: dict[bool, set[str]] = {True: set(), False: set()}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                seen["exp_alerts" in case].add(case["alertname"])
    return seen


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path, tmp_path: Path) -> None:
    # An annotation that is expected must be spelled out in full; of descriptions there is no need.
    for folder in (OBSERVABILITY / "alerts", OBSERVABILITY / "alert-tests"):
        (tmp_path / folder.name).mkdir()
    for rules in ALERTS:
        content = yaml.safe_load(rules.read_text())
        for group in content["groups"]:
            for rule in group["rules"]:
                for said in ("description", "dashboard", "runbook_url"):
                    rule.get("annotations", {}).pop(said, None)
        (tmp_path / "alerts" / rules.name).write_text(yaml.safe_dump(content))
    test = tmp_path / "alert-tests" / path.name
    test.write_text(path.read_text())
    command = [str(rule_tester()), "unittest", "--files", str(test)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_firing_and_silent() -> None:
    declared = {rule["alert"] for rule in alert_rules(of_logs=False)}
    seen = names_by_outcome()
    assert declared - seen[True] == set()
    # The one that always fires is never silent.
    assert declared - seen[False] == {"Watchdog"}


@pytest.mark.parametrize(("kind", "files"), [("prometheus", ALERTS), ("vlogs", LOG_ALERTS)])
def test_vmalert_takes_the_rules(kind: str, files: list[Path]) -> None:
    command = [str(go_server("vmalert")), "-dryRun", f"-rule.defaultRuleType={kind}"]
    command += [f"-rule={path}" for path in files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_alertmanager_takes_its_configuration(tmp_path: Path) -> None:
    url = f"127.0.0.1:{free_port()}"
    command = [
        str(go_server("alertmanager")),
        f"--config.file={OBSERVABILITY / 'alertmanager' / 'alertmanager.yaml'}",
        *("--cluster.listen-address=", f"--storage.path={tmp_path}", f"--web.listen-address={url}"),
    ]
    server = Process(command, tmp_path / "log", lambda: answers(f"http://{url}/-/ready"))
    with server:
        pass


def test_descriptions_name_alerts_and_files_that_exist() -> None:
    alerts = list(alert_rules())
    declared = {rule["alert"] for rule in alerts}
    root = OBSERVABILITY.parent
    for rule in alerts:
        text = rule["annotations"]["description"]
        named = set(
            re.findall(
                r"\b(?:Orders|Queue|Telemetry|Container|Server|Target|Shop|Pod|Disk)[A-Z]\w+", text
            )
        )
        assert named <= declared, rule["alert"]
        for file in re.findall(r"\b(?:docs|stores)/[\w./-]+\w", text):
            assert (root / file).exists(), file


def test_every_severity_has_a_route_that_exists() -> None:
    config = yaml.safe_load((OBSERVABILITY / "alertmanager" / "alertmanager.yaml").read_text())
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = {
        matcher.removeprefix("severity="): route["receiver"]
        for route in config["route"]["routes"]
        for matcher in route["matchers"]
    }
    assert set(routes.values()) | {config["route"]["receiver"]} <= receivers
    severities = {rule["labels"]["severity"] for rule in alert_rules()}
    assert severities == set(routes)

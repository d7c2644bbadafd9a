"""Names of own metrics and attributes are declared once."""

import re
from pathlib import Path

from contracts import telemetry
from contracts.telemetry import Metric

ROOT = Path(__file__).parents[2]
CONSTANTS = {name: value for name, value in vars(telemetry).items() if name.isupper()}
METRICS = {name: value for name, value in CONSTANTS.items() if isinstance(value, Metric)}
DECLARED = {value.name if isinstance(value, Metric) else value for value in CONSTANTS.values()}


def test_every_metric_has_a_name_of_our_own_a_unit_and_a_description() -> None:
    assert METRICS
    for metric in METRICS.values():
        assert metric.name.startswith("arloji.")
        assert metric.unit
        assert metric.description


def test_own_names_are_spelled_in_the_contract_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("services", "servicekit", "database", "housekeeping")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"\"(arloji\.[a-z_.]+)\"", path.read_text(encoding="utf-8"))
        if name in DECLARED
    ]
    assert wrong == []


def test_every_declared_metric_is_recorded_somewhere() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("services", "servicekit", "housekeeping")
        for path in (ROOT / folder).rglob("*.py")
    )
    assert {name for name in METRICS if not re.search(rf"\b{name}\b", source)} == set()

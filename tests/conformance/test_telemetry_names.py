"""Names of own metrics and attributes are declared once."""

import re
from pathlib import Path

from contracts import telemetry

ROOT = Path(__file__).parents[2]
DECLARED = {
    value
    for name, value in vars(telemetry).items()
    if name.isupper() and isinstance(value, str) and value.startswith("arloji.")
}


def test_every_metric_has_a_unit_and_a_description() -> None:
    for name, (unit, description) in telemetry.METRICS.items():
        assert name in DECLARED
        assert unit
        assert description


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
        path.read_text(encoding="utf-8") for path in (ROOT / "services").rglob("*.py")
    )
    constants = {
        name
        for name, value in vars(telemetry).items()
        if isinstance(value, str) and value in telemetry.METRICS
    }
    assert {name for name in constants if not re.search(rf"\b{name}\b", source)} == set()

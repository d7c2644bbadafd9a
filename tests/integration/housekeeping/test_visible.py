"""Each run is seen in a trace, in the metrics, and in what it leaves for node-exporter."""

import json
import re
import time
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from housekeeping import measurements
from tests.integration.housekeeping.shop import Shop

LINE = re.compile(r"(\w+)\{(.*)\} ([\d.e+]+)")
LAST_RUN = "arloji_housekeeping_last_run_seconds"


class Figures:
    """What a run has left, by name and labels."""

    def __init__(self, shop: Shop, file: Path) -> None:
        self._shop, self._file = shop, file

    def of(self, *arguments: str, code: int = 0) -> dict[str, dict[str, float]]:
        for values in measurements._values.values():
            values.clear()
        self._shop.run(*arguments, "--textfile", str(self._file), code=code)
        found: dict[str, dict[str, float]] = {}
        for line in self._file.read_text().splitlines():
            if match := LINE.fullmatch(line):
                found.setdefault(match[1], {})[match[2]] = float(match[3])
        return found


@pytest.fixture
def figures(kept_shop: Shop, tmp_path: Path) -> Figures:
    return Figures(kept_shop, tmp_path / "run.prom")


def test_each_run_is_a_trace_and_leaves_when_and_how_it_ended(
    kept_shop: Shop, figures: Figures, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    outcomes = ("success", "finding", "failure")
    codes = {"backup": 0, "verify": 0, "status": 0, "drill": 0, "purge-backups": 0}
    codes |= {"purge-orders": 0, "purge-audit": 0, "reconcile": 2}
    (tmp_path / "archive").mkdir()
    for command, code in codes.items():
        spans.clear()
        began = time.time()
        left = figures.of(command, code=code)
        labels = f'command="{command}",outcome="{outcomes[code]}"'
        assert began <= left[LAST_RUN].pop(labels) <= time.time()
        assert left[LAST_RUN] == {}
        assert list(left["arloji_housekeeping_duration_seconds"]) == [f'command="{command}"']
        (root,) = [span for span in spans.get_finished_spans() if span.parent is None]
        assert root.name == f"housekeeping {command}"
        assert dict(root.attributes or {}) == {"arloji.housekeeping.outcome": outcomes[code]}
        assert (root.status.status_code is StatusCode.ERROR) == (code == 2)


def test_a_backup_leaves_its_size_and_what_is_newest(kept_shop: Shop, figures: Figures) -> None:
    left = figures.of("backup")
    manifest = kept_shop.backups()[-1].manifest
    assert manifest is not None
    assert left["arloji_backup_size_bytes"] == {"": manifest.size}
    assert left["arloji_backup_rows"] == {"": manifest.rows}
    newest = {"": pytest.approx(manifest.snapshot_at.timestamp())}
    assert left["arloji_backup_newest_verified_seconds"] == newest
    damaged = kept_shop.backup()
    for file in kept_shop.path(damaged).glob("*.zst"):
        file.write_bytes(file.read_bytes()[:-1])
    # A younger one counts only while it is good, whoever looks.
    for command, code in (("verify", 1), ("status", 1), ("drill", 0)):
        left = figures.of(command, code=code)
        assert left["arloji_backup_newest_verified_seconds"] == newest, command


def test_a_reconciliation_leaves_the_number_of_each_difference(
    kept_shop: Shop, figures: Figures
) -> None:
    order_id = "00000000-0000-4000-8000-000000000001"
    line = {"order_id": order_id, "entry_id": "1-1", "accepted_at": "2026-01-01T00:00:00Z"}
    (kept_shop.audit / "accepted-here.jsonl").write_text(json.dumps(line) + "\n")
    left = figures.of("reconcile", code=1)
    assert list(left[LAST_RUN]) == ['command="reconcile",outcome="finding"']
    differences = left["arloji_reconcile_differences"]
    assert differences['kind="lost"'] == 1
    assert differences['kind="stored_and_purged"'] == 0


def test_purges_leave_what_they_freed_and_a_dry_run_leaves_nothing(
    kept_shop: Shop, figures: Figures, tmp_path: Path
) -> None:
    for _ in range(3):
        kept_shop.backup()
    retention = ("--daily", "1", "--weekly", "0", "--monthly", "0")
    for values in measurements._values.values():
        values.clear()
    kept_shop.run(
        "purge-backups", *retention, "--dry-run", "--textfile", str(tmp_path / "run.prom")
    )
    assert not (tmp_path / "run.prom").exists()
    assert not any(measurements._values.values())
    freed = figures.of("purge-backups", *retention)["arloji_housekeeping_freed_bytes"]
    assert freed['command="purge-backups"'] > 1000

"""Each run is seen in a trace and in the metrics."""

import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from housekeeping.backups import measurements
from tests.integration.housekeeping.shop import Shop


@pytest.fixture(autouse=True)
def _no_figures_of_other_tests() -> None:
    for values in measurements._values.values():
        values.clear()


def test_a_run_is_a_trace_and_leaves_its_figures(
    kept_shop: Shop, spans: InMemorySpanExporter, metric_values: Callable[[str], list[float]]
) -> None:
    began = time.time()
    said = kept_shop.run("backup")
    (root,) = [span for span in spans.get_finished_spans() if span.parent is None]
    assert root.name == "housekeeping backup"
    assert metric_values("arloji.backup.rows") == [said["rows"]]
    assert metric_values("arloji.backup.size") == [said["size"]]
    assert metric_values("arloji.backup.good") == [1]
    (last,) = metric_values("arloji.backup.last_good")
    assert began <= last <= time.time()
    kept_shop.run("status")
    (newest,) = metric_values("arloji.backup.newest_verified")
    assert began - 1 <= newest <= time.time()


def test_a_run_that_could_not_do_all_of_its_work_says_so(
    kept_shop: Shop,
    metric_values: Callable[[str], list[float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backup = kept_shop.backup()
    (kept_shop.path(backup) / "manifest.json").unlink()
    kept_shop.run("purge-backups", code=1)
    assert 0 in metric_values("arloji.backup.good")
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://u:p@127.0.0.1:1/shop")
    kept_shop.run("backup", code=2)
    assert metric_values("arloji.backup.good") == [0, 0]

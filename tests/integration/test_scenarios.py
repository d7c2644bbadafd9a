"""Each scenario on the embedded run behind the real collector: what its page tells to look at shows
it, and nothing is left of it afterwards. The same in Docker: tests/compose/test_scenarios.py."""

import os
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local.free_port import free_port
from tests import waiting
from tests.collectors import Pipeline, running_pipeline
from tests.disks import small_disk
from tests.e2e.conftest import Guest
from tests.processes import ROOT, Process, answers
from tests.promql import alert_rules
from tests.stack import RunningStack
from tests.telemetry_stores import eventually, go_server
from tools.scenarios.pages import read_page

# Their expressions hold at once, or their programs are not among those that run here.
ALERTS = {"OrdersDeadLettered", "DiskShort"}


@dataclass
class Shop:
    pipeline: Pipeline
    stack: RunningStack
    folder: Path
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def playing(self, name: str, *options: str, data: Path | None = None) -> Iterator[Process]:
        """From the moment at which it is injected; it plays until it is ended."""
        command = [sys.executable, "-m", "tools.scenarios", name, "--on", "embedded"]
        environment = self.stack.environment | ({"ARLOJI_DATA": str(data)} if data else {})
        with Process(
            [*command, "--seconds", "600", *options],
            self.folder / f"{name}-{uuid.uuid4()}.output",
            cwd=ROOT,
            env=environment,
        ) as scenario:
            scenario.wait_until(lambda: "injected" in scenario.output(), "injected")
            yield scenario

    def shows(self, name: str, since: str) -> dict[str, bool]:
        """Of each query of its page, and of its alerts, whether there is a result; of those of
        logs, whether there is a line of later."""
        page = read_page(name)
        expressions = {rule["alert"]: rule["expr"] for rule in alert_rules()}
        queries = page.queries + [expressions[one] for one in page.alerts & ALERTS]
        shown = {query: bool(self.pipeline.metrics.query(query)) for query in queries}
        recent = [f"_time:>{since} {query}" for query in page.log_queries]
        return shown | {query: bool(self.pipeline.logs.query(query)) for query in recent}

    def shop_on(self) -> None:
        """A customer who looks and orders three times a second."""
        guest = Guest(self.stack.shop_url)
        product = guest.product()["product_id"]
        while not self.ended.wait(0.3):
            with suppress(httpx.TransportError):
                guest.http.get(f"/api/products/{product}")
                guest.post_order({product: 1})
        guest.close()

    def stores_orders(self) -> bool:
        guest = Guest(self.stack.shop_url)
        order = guest.post_order({guest.product()["product_id"]: 1}).json()
        stored: bool = guest.wait_for_end(order["order_id"])["status"] == "confirmed"
        guest.close()
        return stored


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("scenarios")
    with running_pipeline(folder) as pipeline:
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": pipeline.collector.otlp_url,
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        options = [part for one in told.items() for part in ("--set", f"all.{'='.join(one)}")]
        with RunningStack(folder / "shop", options=options) as stack:
            shop = Shop(pipeline, stack, folder)
            customer = threading.Thread(target=shop.shop_on)
            customer.start()
            yield shop
            shop.ended.set()
            customer.join()


@pytest.mark.parametrize(
    "name", ["mysql-slows-down", "consumer-dies", "cache-cold", "traffic-x10", "poison-order"]
)
def test_what_the_page_says_to_look_at_shows_it(shop: Shop, name: str) -> None:
    # What was measured a moment ago by one service may not be of the same moment as another's.
    began = datetime.now(UTC).isoformat()
    waiting.eventually(lambda: shop.shows(name, began), lambda shown: not any(shown.values()))
    with shop.playing(name, "--rates", "30") as scenario:
        assert "## What the cause looks like" in scenario.output()
        waiting.eventually(lambda: shop.shows(name, began), lambda now: all(now.values()), 60, 0.2)
        assert scenario.stop(signal.SIGTERM) == 0
    assert "undone" in scenario.output()
    assert shop.stores_orders()


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_what_a_killed_one_leaves_is_undone_by_the_next(shop: Shop) -> None:
    consumer = shop.stack.pid("consumer")
    with shop.playing("consumer-dies") as scenario:
        scenario.stop(signal.SIGKILL)
    assert state_of(consumer) == "T"
    with shop.playing("cache-cold") as scenario:
        assert "consumer-dies: what a killed run left is undone" in scenario.output()
        assert scenario.stop(signal.SIGINT) == 0
    assert state_of(consumer) in "SR"
    assert not any((shop.stack.data / "scenarios").iterdir())


def test_undoing_what_is_not_there_does_nothing(shop: Shop) -> None:
    for name in ("cache-cold", "disk-fills"):
        command = [sys.executable, "-m", "tools.scenarios", name, "--on", "embedded", "--undo"]
        undo = Process(command, shop.folder / "undo", cwd=ROOT, env=shop.stack.environment)
        undo.begin()
        assert undo.exit_code() == 0, undo.output()


def test_a_disk_that_fills_shows_in_the_machine_s_figures(shop: Shop, tmp_path: Path) -> None:
    """Those of the real node-exporter; the file is gone afterwards."""
    name, url = "disk-fills", f"127.0.0.1:{free_port()}"
    command = [str(go_server("node_exporter")), f"--web.listen-address={url}"]
    exporter = Process(command, tmp_path / "log", lambda: answers(f"http://{url}/metrics"))

    def shown(disk: Path) -> set[bool]:
        scraped = httpx.get(f"http://{url}/metrics", timeout=30).text
        lines = [one for one in scraped.splitlines() if one.startswith("node_filesystem_")]
        own = "\n".join(one for one in lines if f'mountpoint="{disk}"' in one)
        written = httpx.post(f"{shop.pipeline.metrics.url}/api/v1/import/prometheus", content=own)
        assert own
        assert written.is_success
        return set(shop.shows(name, since="now").values())

    with small_disk(tmp_path, 32) as disk, exporter:
        assert shown(disk.path) == {False}
        with shop.playing(name, data=disk.path) as scenario:
            eventually(lambda: shown(disk.path) == {True})
            assert scenario.stop(signal.SIGTERM) == 0
        eventually(lambda: shown(disk.path) == {False})
        assert sorted(os.listdir(disk.path)) == ["lost+found", "scenarios"]

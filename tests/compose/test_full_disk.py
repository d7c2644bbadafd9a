"""A store finds no room: within two minutes the alert that names it has reached Alertmanager, and
within two minutes of there being room that is gone. node-exporter sees no volume from within."""

import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.compose.alertmanager import Alertmanager, table
from tests.compose.parts import Labels
from tests.compose.small_disks import FULL, Stores, stores_on_small_disks
from tests.compose.test_rights import as_root
from tests.waiting import eventually

Alert = tuple[str, Labels]
STORES = ("otel-collector", "victoria-logs", "victoria-metrics")
WATCHING = (*STORES, "vmalert", "vmalert-logs", "alertmanager")


@pytest.fixture(scope="module")
def stores(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with stores_on_small_disks(tmp_path_factory.mktemp("stores"), "full-disk") as project:
        # Not by `--wait`, for which the keeper has no health.
        project.compose("up", "--detach", "mysql", "queue-redis", "publisher", *WATCHING)
        for service in ("mysql", "publisher", "alertmanager"):
            project.wait_until_well(service)
        as_root(project, FULL)
        yield project


def place_orders_until_refused(stores: Stores) -> None:
    """The last page of the file has room for some."""
    statuses = (stores.place_order(number) for number in range(50))
    assert next(status for status in statuses if status != 202) in {503, 504}


def of_store(service: str) -> Alert:
    return "NoSpaceLeft", {"service_name": service}


# VictoriaMetrics stops at 100 MB; with none it ends, as AlertingBroken tells.
LEFT_BYTES = {"victoria-metrics": 50_000_000}
# Folder of the keeper, what is to notice it, and the alert.
FULL_DISKS: dict[str, tuple[str, Callable[[Stores], object], Alert]] = {
    "queue-redis": ("/queue", place_orders_until_refused, of_store("queue-redis")),
    "mysql": ("/mysql", Stores.commit_until_refused, of_store("mysql")),
    "otel-collector": (
        "/collector",
        lambda stores: eventually(stores.send_line, lambda status: status == 503),
        ("TelemetryLost", {"exporter": "otlp_http/logs"}),
    ),
    # It writes all the time.
    "victoria-metrics": (
        "/metrics",
        lambda stores: None,
        ("StoreReadOnly", {"job": "victoria-metrics"}),
    ),
}


def test_a_full_disk_is_named_within_two_minutes_and_so_is_its_end(
    stores: Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    alertmanager = Alertmanager(stores)
    rows = []
    for service, (folder, write, alert) in FULL_DISKS.items():
        stores.fill(folder, LEFT_BYTES.get(service, 0))
        write(stores)
        fired = alertmanager.wait(*alert, there=True, since=time.monotonic())
        stores.free(folder)
        gone = alertmanager.wait(*alert, there=False, since=time.monotonic())
        rows.append((f"the disk of {service}", alert[0], fired, gone))
        eventually(lambda service=service: stores.one(service).well, seconds=90)
    with capsys.disabled():
        sys.stdout.write(f"\n{table(rows)}\n")

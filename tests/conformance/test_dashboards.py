"""Dashboards and alerts ask for what exists, from data sources that exist, and say what to do."""

import json
import re
from pathlib import Path

import pytest
import yaml

from contracts import telemetry
from contracts.prometheus import prometheus_name
from housekeeping.schedule.settings import ScheduleSettings
from observability.dashboards.__main__ import FOLDER, main, render
from tests.promql import (
    DASHBOARDS,
    OBSERVABILITY,
    alert_rules,
    metric_queries,
    metrics_in,
    panels,
    recorded_names,
)

# Pushed by the services: own ones by the contract, the others by the semantic conventions.
HISTOGRAMS = {telemetry.ORDERS_TIME_TO_STORED, telemetry.EVENT_LOOP_LAG}
COUNTERS = {
    telemetry.ORDERS_ACCEPTED,
    telemetry.ORDERS_SETTLED,
    telemetry.ORDERS_DEAD_LETTERED,
    telemetry.ORDERS_DUPLICATE_DELIVERIES,
    telemetry.CACHE_REQUESTS,
    telemetry.FRONTEND_SHED,
    telemetry.GATEWAY_SHED,
    telemetry.CONNECTIONS_REFUSED,
    telemetry.GATEWAY_RETRIES,
}
CONVENTIONS = {
    "http_server_request_duration_seconds",
    "http_client_request_duration_seconds",
    "traces_span_metrics_duration_seconds",
}
OTHERS = {
    "traces_span_metrics_calls_total",
    "process_uptime_seconds",
    "process_cpu_time_seconds_total",
    "process_memory_usage_bytes",
    "process_thread_count",
    "process_unix_file_descriptor_count",
    *(f"cpython_gc_{what}_total" for what in ("collections", "collected_objects")),
    *(
        f"otel_sdk_{part}_{signal}_{what}"
        for signal in ("span", "log")
        for part, what in (
            ("processor", "processed_total"),
            ("processor", "queue_size"),
            ("processor", "queue_capacity"),
            ("exporter", "exported_total"),
        )
    ),
    # Written by vmalert.
    "ALERTS",
    "up",
    "scrape_timeout_seconds",
    # Where a container has a limit of CPU, and where cert-manager issues certificates.
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "certmanager_certificate_expiration_timestamp_seconds",
    "scrape_duration_seconds",
    # By the instrumentation of SQLAlchemy.
    "db_client_connections_usage",
    # The collector has them from the first failure on.
    *(
        f"otelcol_exporter_{what}_failed_{signal}_total"
        for what in ("send", "enqueue")
        for signal in ("spans", "metric_points", "log_records")
    ),
}


PROVISIONING = OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "stores.yaml"
SOURCES = yaml.safe_load(PROVISIONING.read_text())["datasources"]


def parts(base: str) -> set[str]:
    return {f"{base}_{part}" for part in ("bucket", "sum", "count")}


def known_names() -> set[str]:
    own: set[str] = set()
    for metric in vars(telemetry).values():
        if not isinstance(metric, telemetry.Metric):
            continue
        name, unit, _ = metric
        if metric in HISTOGRAMS:
            own |= parts(prometheus_name(name, unit, "histogram"))
        else:
            own.add(prometheus_name(name, unit, "counter" if metric in COUNTERS else "gauge"))
    scraped = (Path(__file__).parent / "scraped_metrics.txt").read_text().splitlines()
    pushed = {part for base in CONVENTIONS for part in parts(base)}
    return (
        own
        | pushed
        | OTHERS
        | recorded_names()
        | {line for line in scraped if re.fullmatch(r"\w+", line)}
    )


@pytest.mark.parametrize(("where", "query"), list(metric_queries()))
def test_every_metric_that_is_asked_for_exists(where: str, query: str) -> None:
    known = known_names()
    asked = metrics_in(query)
    assert asked or query == "time()" or query.startswith("vector(")
    missing = {
        name
        for name in asked
        if name not in known and not ("(" in name and any(re.fullmatch(name, k) for k in known))
    }
    assert missing == set()


def test_a_query_is_taken_apart_rightly() -> None:
    query = (
        'histogram_quantile(0.95, sum by (le, x) (rate(a_bucket{b="{c} d", e=~"f"}[$__interval])))'
        ' / (max(g > 1e3) > 0) or on (h) i{j!=""} unless vector(0) and {__name__=~"k_(l|m)"}'
    )
    assert metrics_in(query) == {"a_bucket", "g", "i", "k_(l|m)"}


def test_dashboards_are_what_their_generator_writes() -> None:
    assert main(["--check"]) == 0
    assert {path.name for path in FOLDER.iterdir()} == set(render())


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap_say_what_they_mean_and_ask_sources_that_exist(path: Path) -> None:
    everything = json.loads(path.read_text())["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    places = [panel["gridPos"] for panel in everything]
    cells = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    types = {source["uid"]: source["type"] for source in SOURCES}
    for panel in panels(path):
        assert len(panel["description"].split()) >= 8, panel["title"]
        assert len(panel["title"]) <= 32
        for asked in (panel, *panel["targets"]):
            source = asked["datasource"]
            assert types[source["uid"]] == source["type"], panel["title"]
        names = [target["refId"] for target in panel["targets"]]
        assert len(names) == len(set(names)), panel["title"]


def test_links_lead_to_sources_and_dashboards_that_ask_for_what_they_carry() -> None:
    """Uids are in dashboards, in the provisioning and in the shop's own links."""
    texts = [path.read_text() for path in DASHBOARDS]
    dashboards = {read["uid"]: read for read in map(json.loads, texts)}
    assert len(dashboards) == len(texts)
    provisioned = PROVISIONING.read_text()
    uids = {source["uid"] for source in SOURCES}
    assert set(re.findall(r"datasourceUid: (\w+)", provisioned)) <= uids
    explored = set(re.findall(r"%22datasource%22%3A%22(\w+)%22", "".join(texts)))
    assert explored == {"vt"} <= uids
    compose = (OBSERVABILITY.parent / "compose.yaml").read_text()
    led_to = {
        link
        for text in (compose, provisioned, *texts)
        for link in re.findall(r"/d/([\w-]+)/[\w-]+\?([^\s\"]+)", text)
    }
    assert {uid for uid, _ in led_to} <= dashboards.keys()
    links = {(uid, name) for uid, query in led_to for name in re.findall(r"\bvar-(\w+)=", query)}
    with_choice = {"arloji-request", "arloji-order", "arloji-request-path", "arloji-logs"}
    assert {uid for uid, _ in links} == with_choice
    for uid, variable in links:
        assert variable in {one["name"] for one in dashboards[uid]["templating"]["list"]}
        assert f"${variable}" in json.dumps(dashboards[uid]["panels"])


def test_tiles_of_the_queue_ask_its_redis_first() -> None:
    """What consumers say of it goes with them, and the tile would stay as it was."""
    said_by_consumers = re.compile(r"arloji_queue_(backlog|oldest_age|dead)")
    tiles = [
        target["expr"]
        for panel in panels(FOLDER / "overview.json")
        for target in panel["targets"]
        if said_by_consumers.search(target["expr"])
    ]
    assert len(tiles) == 3
    for query in tiles:
        assert metrics_in(query.partition(" or max(arloji_")[0]) <= {
            "redis_stream_length",
            "redis_stream_first_entry_id",
        }


def test_sources_point_to_services_of_the_stack() -> None:
    services = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    scrape = OBSERVABILITY / "scrape"
    scraped = "".join((scrape / name).read_text() for name in ("compose.yaml", "servers.yaml"))
    targets = [
        *re.findall(r"http://([a-z-]+):\d+", PROVISIONING.read_text()),
        *re.findall(r"[\"@/]([a-z-]+):\d+[\"/]", scraped),
    ]
    assert len(targets) > 10
    assert set(targets) <= {*services, "queue-redis", "cache-redis"}
    alone = set(re.findall(r'targets: \["([a-z-]+):', (scrape / "kubernetes.yaml").read_text()))
    assert alone == {"kube-state-metrics"}


def test_a_scheduled_command_that_fails_or_does_not_come_raises_an_alert() -> None:
    commands = {
        field.removesuffix("_schedule").replace("_", "-") for field in ScheduleSettings.model_fields
    }
    assert commands <= _commands_of("HousekeepingFailed", commands)
    # A good backup and a good drill have limits of their own.
    assert commands - {"backup", "drill"} == _commands_of("HousekeepingOverdue", commands)


def _commands_of(alert: str, commands: set[str]) -> set[str]:
    (rule,) = [rule for rule in alert_rules() if rule["alert"] == alert]
    patterns = re.findall(r'command=~"([^"]+)"', rule["expr"])
    return {name for name in commands if any(re.fullmatch(one, name) for one in patterns)}

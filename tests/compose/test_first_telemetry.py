"""Within a minute of the first request everything is in its store: metrics, logs and traces of
all services, metrics and logs of the servers. And every panel of every dashboard has data."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from observability.dashboards.load_test import USER_AGENT
from tests import waiting
from tests.compose.project import LEFT_OUT, ComposeProject
from tests.compose.test_rights import as_root
from tests.e2e.conftest import Guest
from tests.panels import Panels
from tests.promql import (
    OF_KUBERNETES,
    OF_RUNS,
    alert_rules,
    dashboard_targets,
    metric_queries,
    metrics_in,
    recorded_names,
)
from tests.telemetry_stores import LogsStore, MetricsStore, eventually

SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")
PROMISED_SECONDS = 60
# They exist from the first failure on.
ONLY_AFTER_FAILURES = re.compile(r"otelcol_exporter_\w+_failed_.*")


@dataclass(frozen=True)
class FirstTelemetry:
    metrics: MetricsStore
    logs: LogsStore
    receiver_url: str
    # What nothing else in the stack can be reached by: no port of it is published.
    alertmanager_url: str
    vmalert_urls: tuple[str, str]
    order: httpx.Response
    asked_at: float

    @property
    def trace_id(self) -> str:
        return self.order.headers["traceresponse"].split("-")[1]

    def in_time(self, look: Callable[[], set[str]], wanted: set[str]) -> None:
        """All of it is there before the promised time is over."""
        left = self.asked_at + PROMISED_SECONDS - time.monotonic()
        waiting.eventually(lambda: wanted - look(), lambda missing: not missing, max(0.0, left))

    def traces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(
            f"{self.receiver_url}/api/traces", params={"limit": 500}
        ).json()["traces"]
        return found


@pytest.fixture(scope="module")
def telemetry(project: ComposeProject) -> FirstTelemetry:
    asked_at = time.monotonic()
    guest = Guest(project.shop_url)
    with closing(guest.http):
        product = guest.product()
        for _ in range(3):
            guest.http.get(f"/products/{product['slug']}")
        guest.http.get("/api/products?q=a")
        guest.http.get("/nowhere/at/all")
        order = guest.post_order({product["product_id"]: 1})
        assert order.status_code == 202, order.text
        guest.http.get(order.json()["status_url"])
    return FirstTelemetry(
        MetricsStore(project.url("victoria-metrics", 8428)),
        LogsStore(project.url("victoria-logs", 9428)),
        project.telemetry_url,
        project.url("alertmanager", 9093),
        (project.url("vmalert", 8880), project.url("vmalert-logs", 8880)),
        order,
        asked_at,
    )


def test_metrics_of_every_service_arrive_and_name_its_image(
    project: ComposeProject, telemetry: FirstTelemetry
) -> None:
    version = project.environment["ARLOJI_VERSION"]
    labels = f'service_namespace="arloji",service_version="{version}"'
    telemetry.in_time(
        lambda: {
            sample["metric"]["service_name"]
            for sample in telemetry.metrics.query(f"process_uptime_seconds{{{labels}}}")
        },
        set(SERVICES),
    )


def test_logs_of_every_service_and_server_arrive(telemetry: FirstTelemetry) -> None:
    query = '{service.namespace="arloji"} | uniq by (service.name)'
    telemetry.in_time(
        lambda: {line["service.name"] for line in telemetry.logs.query(query)},
        {*SERVICES, "nginx", "mysql", "queue-redis", "cache-redis"},
    )


def test_metrics_of_every_server_arrive(telemetry: FirstTelemetry) -> None:
    up = '{__name__=~"nginx_up|mysql_up|redis_up"} == 1'
    telemetry.in_time(
        lambda: {sample["metric"]["instance"] for sample in telemetry.metrics.query(up)},
        {"nginx-exporter:9113", "mysqld-exporter:9104", "queue-redis", "cache-redis"},
    )


def test_traces_of_every_service_arrive_and_one_goes_from_the_click_to_the_row(
    telemetry: FirstTelemetry,
) -> None:
    def services(trace_id: str) -> set[str]:
        traces = [one for one in telemetry.traces() if trace_id in ("", one["trace_id"])]
        return {service for trace in traces for service in trace["services"]}

    telemetry.in_time(lambda: services(""), set(SERVICES))
    on_the_way = {"frontend", "api-gw", "publisher", "consumer"}
    telemetry.in_time(lambda: services(telemetry.trace_id), on_the_way)


def test_the_access_log_names_the_trace_of_the_order(telemetry: FirstTelemetry) -> None:
    query = f'{{service.name="nginx"}} trace_id:={telemetry.trace_id}'
    (line,) = eventually(lambda: telemetry.logs.query(query))
    assert line["_msg"] == "POST /api/orders 202"
    assert line["severity_text"] == "INFO"


def test_every_container_is_measured_by_name_and_nobody_elses(
    telemetry: FirstTelemetry, project: ComposeProject
) -> None:
    query = "container_memory_working_set_bytes / container_spec_memory_limit_bytes"
    watcher = f"{project.url('cadvisor', 8080)}/metrics"

    def measured() -> set[str]:
        names = {sample["metric"]["name"] for sample in telemetry.metrics.query(query)}
        return {name.removeprefix(f"{project.name}-") for name in names}

    running = {one.name for one in project.containers()}
    # Images that compose has built bear the project's label, and so do the containers of whoever
    # runs them.
    stranger = f"{project.name}-stranger"
    sleeping = ("--entrypoint", "sleep", project.image, "600")
    project.run("docker", "run", "--detach", "--rm", "--name", stranger, *sleeping)
    try:
        eventually(lambda: f'name="{stranger}"' in httpx.get(watcher).text)
        seen_at = time.time()
        scrapes = 'timestamp(up{job="containers"})'
        eventually(lambda: float(telemetry.metrics.query(scrapes)[0]["value"][1]) > seen_at)
        telemetry.in_time(measured, running)
        assert measured() == running
    finally:
        project.run("docker", "rm", "--force", stranger)


def test_everything_that_is_scraped_answers(telemetry: FirstTelemetry) -> None:
    def down() -> set[str]:
        return {sample["metric"]["job"] for sample in telemetry.metrics.query("up == 0")}

    jobs = {sample["metric"]["job"] for sample in telemetry.metrics.query("up")}
    assert len(jobs) >= 10
    eventually(lambda: down() <= LEFT_OUT)


def test_what_dashboards_and_alerts_ask_for_is_there(telemetry: FirstTelemetry) -> None:
    queries = [query for where, query in metric_queries() if is_there_at_once(where, query)]
    asked = {name for query in queries for name in metrics_in(query)}
    wanted = {name for name in asked if not ONLY_AFTER_FAILURES.match(name) and "(" not in name}

    def missing() -> set[str]:
        return (
            wanted
            - telemetry.metrics.names()
            # In queries that say so: `or vector(0)`.
            - {
                f"arloji_{name}_total"
                for name in ("frontend_shed", "gateway_shed", "gateway_retries")
            }
            - {"arloji_orders_dead_lettered_total", "arloji_orders_duplicate_deliveries_total"}
            # Written for windows of hours every few minutes.
            - recorded_names()
            # Nothing here has a limit of CPU, or a certificate.
            - {"container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"}
            - {"certmanager_certificate_expiration_timestamp_seconds"}
        )

    waiting.eventually(missing, lambda found: not found, PROMISED_SECONDS)


# Of the store that is left out here.
METRIC_PANELS, LOG_PANELS = list(dashboard_targets("vm")), list(dashboard_targets("vl"))
# tests/integration/test_panels.py has one.
OF_DEAD_LETTERS = {"order-pipeline: Warnings about orders"}
GRAFANA_ONLY = {title for title, _ in dashboard_targets("vt")}


def is_there_at_once(where: str, query: str) -> bool:
    """Runs have tests of their own: tests/integration/housekeeping/test_telemetry.py."""
    of_runs = OF_RUNS.search(query) or '"housekeeping"' in query
    return not (where.startswith(OF_KUBERNETES) or of_runs)


def each_of(panels: list[tuple[str, dict[str, Any]]]) -> pytest.MarkDecorator:
    named = [
        pytest.param(target, id=f"{title} {target['refId']}")
        for title, target in panels
        if is_there_at_once(title, target["expr"]) and title not in OF_DEAD_LETTERS
    ]
    return pytest.mark.parametrize("target", named)


@pytest.fixture(scope="module")
def shown(project: ComposeProject, telemetry: FirstTelemetry) -> Iterator[Panels]:
    """While a load tester reads, and after one statement of MySQL that took its time."""
    as_root(project, "SELECT SLEEP(0.7)")
    over = threading.Event()

    def read() -> None:
        headers = {"User-Agent": USER_AGENT}
        with httpx.Client(base_url=project.shop_url, headers=headers, trust_env=False) as tester:
            while not over.wait(0.5):
                tester.get("/")
                tester.get("/nowhere/at/all")

    reader = threading.Thread(target=read)
    reader.start()
    values = {"$trace_id": telemetry.trace_id, "$order_id": telemetry.order.json()["order_id"]}
    yield Panels(telemetry.metrics, telemetry.logs, values)
    over.set()
    reader.join()


@each_of([*METRIC_PANELS, *LOG_PANELS])
def test_no_panel_is_empty_and_legends_name_its_labels(
    shown: Panels, target: dict[str, Any]
) -> None:
    eventually(lambda: shown.shows(target))


def test_only_what_asks_the_missing_store_is_left_out() -> None:
    traces = {"request: Trace", "order: Traces of the order", "housekeeping: Traces of runs"}
    assert {"request-path: Who calls whom", *traces} == GRAFANA_ONLY


def test_alerts_are_evaluated_and_reach_the_alertmanager(telemetry: FirstTelemetry) -> None:
    of_metrics = {rule["alert"] for rule in alert_rules(of_logs=False)} | recorded_names()
    of_logs = {rule["alert"] for rule in alert_rules(of_metrics=False)}
    for url, names in zip(telemetry.vmalert_urls, (of_metrics, of_logs), strict=True):
        groups = httpx.get(f"{url}/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert {rule["name"] for rule in rules} == names
        assert [rule["name"] for rule in rules if rule["lastError"]] == []

    def delivered() -> set[str]:
        alerts = httpx.get(f"{telemetry.alertmanager_url}/api/v2/alerts").json()
        return {alert["labels"]["alertname"] for alert in alerts}

    eventually(lambda: "Watchdog" in delivered())
    # The stack is well; only what the tests leave out is missed.
    assert delivered() <= {"Watchdog", "TargetDown"}


def test_the_number_of_series_is_that_of_a_small_shop(telemetry: FirstTelemetry) -> None:
    """Some 3000 scraped ones, and 300 of each replica; an id that became a label would show."""
    assert len(telemetry.metrics.labels('{__name__!=""}')) < 8000
    pushed = telemetry.metrics.labels(
        '{service_namespace="arloji",service_name!~"housekeeping|nginx"}'
    )
    instances = {labels["service_instance_id"] for labels in pushed}
    assert all(re.fullmatch(r"[0-9a-f]{12}:808\d", instance) for instance in instances)

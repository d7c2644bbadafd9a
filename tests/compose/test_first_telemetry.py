"""Within a minute of the first request everything is in its store: metrics, logs and traces of
all services, metrics and logs of the servers."""

import re
import time

import httpx

from tests import waiting
from tests.compose.first_telemetry import PROMISED_SECONDS, FirstTelemetry
from tests.compose.project import LEFT_OUT, ComposeProject
from tests.promql import (
    alert_rules,
    is_there_at_once,
    metric_queries,
    metrics_in,
    recorded_names,
)
from tests.telemetry_stores import eventually

SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")
# They exist from the first failure on.
ONLY_AFTER_FAILURES = re.compile(r"otelcol_exporter_\w+_failed_.*")
LATER_METRICS = {
    # In queries that say so: `or vector(0)`.
    "arloji_frontend_shed_total",
    *("arloji_gateway_retries_total", "arloji_gateway_shed_total"),
    *("arloji_orders_dead_lettered_total", "arloji_orders_duplicate_deliveries_total"),
    *("kube_job_failed", "kube_pod_container_status_last_terminated_reason"),
    # Nothing has a limit of CPU, or a certificate.
    *("container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"),
    "certmanager_certificate_expiration_timestamp_seconds",
}


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
        # What rules write for windows of hours comes every few minutes.
        return wanted - telemetry.metrics.names() - LATER_METRICS - recorded_names()

    waiting.eventually(missing, lambda found: not found, PROMISED_SECONDS)


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

"""The five services behind the real collector: what their metrics, traces and logs are called in
the stores, and what is not in them."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts import telemetry
from contracts.prometheus import prometheus_name
from local.plan import SERVICES
from observability.dashboards import names
from tests import waiting
from tests.collectors import Pipeline, running_pipeline
from tests.e2e.conftest import Guest
from tests.stack import RunningStack
from tests.telemetry_stores import eventually

CUSTOMER = {
    "name": "Kanari Kusumawardhani",
    "email": "kanari@example.com",
    "address": "Jl. Kanari Emas 77",
}
# What may tell series of one metric apart: everything else would be a series more per start.
RESOURCE_LABELS = {"service_name", "service_namespace", "service_instance_id", "service_version"}
HTTP_LABELS = {
    *("http_request_method", "http_response_status_code", "http_route", "url_scheme"),
    *("network_protocol_version", "server_address", "server_port", "error_type"),
}
SPAN_LABELS = {"span_name", "span_kind", "status_code"}
OWN_LABELS = {"le", "result", "status", "reason", "upstream", "route", "cpu_mode"}
POOL_LABELS = {"pool_name", "state"}
COUNTERS = (telemetry.ORDERS_ACCEPTED, telemetry.ORDERS_SETTLED, telemetry.CACHE_REQUESTS)
GAUGES = (
    telemetry.QUEUE_BACKLOG,
    telemetry.QUEUE_OLDEST_AGE,
    telemetry.QUEUE_PENDING,
    telemetry.QUEUE_DEAD,
    telemetry.QUEUE_DURABLE,
    telemetry.GATEWAY_IN_FLIGHT,
)


@dataclass
class Watched:
    pipeline: Pipeline
    stack: RunningStack
    order: httpx.Response

    @property
    def trace_id(self) -> str:
        return self.order.headers["traceresponse"].split("-")[1]

    def find_trace(self) -> dict[str, Any]:
        answer = httpx.get(f"{self.pipeline.receiver.url}/api/traces/{self.trace_id}")
        found: dict[str, Any] = answer.json() if answer.is_success else {}
        return found


def shop_once(guest: Guest) -> httpx.Response:
    """The answer to the order."""
    with closing(guest.http):
        product = guest.product()
        guest.http.get(f"/products/{product['slug']}")
        guest.http.get("/nowhere/at/all")
        guest.http.get("/api/products?q=kanari@example.com")
        order = guest.post_order({product["product_id"]: 1}, customer=CUSTOMER)
    assert order.status_code == 202, order.text
    return order


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A shop whose telemetry goes through the collector, after one customer has been there."""
    folder = tmp_path_factory.mktemp("watched")
    with running_pipeline(folder) as pipeline:
        endpoint = f"all.OTEL_EXPORTER_OTLP_ENDPOINT={pipeline.collector.otlp_url}"
        options = ["--set", endpoint, "--set", "all.OTEL_METRIC_EXPORT_INTERVAL=2000"]
        with RunningStack(folder / "shop", options=options) as stack:
            yield Watched(pipeline, stack, shop_once(Guest(stack.shop_url)))


def services_in(trace: dict[str, Any]) -> set[str]:
    return {
        pair["value"]["stringValue"]
        for entry in trace.get("resourceSpans", [])
        for pair in entry["resource"]["attributes"]
        if pair["key"] == "service.name"
    }


def test_the_trace_of_an_order_has_all_five_services(watched: Watched) -> None:
    eventually(lambda: services_in(watched.find_trace()) == set(SERVICES) - {"service-http"})
    # Its status page is read through the fifth.
    url = f"{watched.pipeline.receiver.url}/api/traces"
    assert any("service-http" in one["services"] for one in httpx.get(url).json()["traces"])


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_metrics_and_logs_in_the_stores(watched: Watched, service: str) -> None:
    uptime = f'process_uptime_seconds{{service_name="{service}",service_namespace="arloji"}}'
    eventually(lambda: watched.pipeline.metrics.query(uptime))
    line = watched.pipeline.line(f'{{service.name="{service}"}} _msg:=started')
    assert line["severity_text"] == "INFO"
    assert line["_stream"] == f'{{service.name="{service}",service.namespace="arloji"}}'


def test_metrics_have_the_names_that_dashboards_use(watched: Watched) -> None:
    wanted = {
        *map(names.counter, COUNTERS),
        *map(names.gauge, GAUGES),
        f"{names.histogram(telemetry.ORDERS_TIME_TO_STORED)}_bucket",
        prometheus_name("http.server.request.duration", "s", "histogram") + "_count",
        prometheus_name("http.client.request.duration", "s", "histogram") + "_count",
        prometheus_name("process.cpu.time", "s", "counter"),
        prometheus_name("process.memory.usage", "By", "gauge"),
    }
    waiting.eventually(
        lambda: wanted - watched.pipeline.metrics.names(), lambda missing: not missing, 60
    )
    # The alert compares this very name with 1; its unit "1" makes it a ratio.
    found = watched.pipeline.metrics.query("arloji_queue_durable_ratio")
    assert {sample["value"][1] for sample in found} == {"1"}


def test_no_label_is_new_with_each_start(watched: Watched) -> None:
    metrics = watched.pipeline.metrics
    eventually(lambda: metrics.query("traces_span_metrics_calls_total"))
    allowed = RESOURCE_LABELS | HTTP_LABELS | SPAN_LABELS | OWN_LABELS | POOL_LABELS
    series = metrics.labels('{service_name!=""}')
    assert {label for labels in series for label in labels} - {"__name__"} - allowed == set()
    instances = {labels["service_instance_id"] for labels in series}
    ports = {instance.rpartition(":")[2] for instance in instances}
    assert ports == {str(watched.stack.port(service)) for service in SERVICES}
    assert not [value for value in instances if re.search("[0-9a-f]{8}-[0-9a-f]{4}-", value)]


def test_spans_of_the_consumer_and_of_sql_are_metrics(watched: Watched) -> None:
    metrics = watched.pipeline.metrics
    wanted = 'traces_span_metrics_duration_seconds_count{service_name="consumer"}'
    kinds = eventually(lambda: {sample["metric"]["span_kind"] for sample in metrics.query(wanted)})
    assert {"SPAN_KIND_CONSUMER", "SPAN_KIND_CLIENT"} <= kinds


def test_nothing_personal_is_in_any_store(watched: Watched) -> None:
    eventually(lambda: "consumer" in services_in(watched.find_trace()))
    eventually(watched.pipeline.collector.has_delivered)
    pipeline = watched.pipeline
    everything = [
        json.dumps(pipeline.logs.query("*")),
        json.dumps(pipeline.metrics.labels('{__name__!=""}')),
    ]
    traces = httpx.get(f"{pipeline.receiver.url}/api/traces").json()["traces"]
    everything += [
        httpx.get(f"{pipeline.receiver.url}/api/traces/{one['trace_id']}").text for one in traces
    ]
    assert len(everything) > 5
    for text in everything:
        assert "anari" not in text, re.findall(".{80}anari.{40}", text)


def test_the_collector_refuses_and_fails_nothing(watched: Watched) -> None:
    failures = "otelcol_(receiver_(refused|failed)|exporter_(send|enqueue)_failed)_.*_total"
    text = httpx.get(watched.pipeline.collector.metrics_url).text
    values = [line.split()[-1] for line in text.splitlines() if re.match(failures, line)]
    assert values, "the collector's own metrics have other names"
    assert set(values) == {"0"}


def test_every_signal_waits_in_a_queue_on_disk(watched: Watched) -> None:
    queue: Path = watched.pipeline.collector.queue
    assert {path.name for path in queue.iterdir()} >= {
        "exporter_otlp_http_logs_logs",
        "exporter_otlp_http_metrics_metrics",
        "exporter_otlp_http_traces_traces",
    }

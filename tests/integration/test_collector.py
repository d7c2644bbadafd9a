"""The shop, nginx in front of it, behind the real collector: which signals each part sends and who
calls whom, what they are called in the stores, and what is not in them."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import redis
import yaml

from contracts import telemetry
from contracts.prometheus import prometheus_name
from contracts.services import SERVICE_NAMES
from local.plan import SERVICES
from observability.dashboards import names
from tests import waiting
from tests.collectors import Pipeline, running_pipeline
from tests.e2e.conftest import Guest
from tests.e2e.test_traces import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Span, spans_of
from tests.edge import Edge
from tests.promql import OBSERVABILITY
from tests.stack import RunningStack
from tests.telemetry_stores import eventually

CUSTOMER = {
    "name": "Kanari Kusumawardhani",
    "email": "kanari@example.com",
    "address": "Jl. Kanari Emas 77",
}


class Signals(NamedTuple):
    """What a part of the shop sends: a metric and a log line of its own, the kinds of its spans."""

    metric: str
    log: str
    spans: set[int]


SOURCES = OBSERVABILITY / "grafana" / "provisioning" / "datasources" / "stores.yaml"
HTTP = "http_server_request_duration_seconds_count"
MATRIX = {
    # nginx writes no spans: its line names the trace of the frontend's answer.
    "nginx": Signals("", "POST /api/orders 202", set()),
    "frontend": Signals(HTTP, "started", {SERVER, CLIENT}),
    "api-gw": Signals(HTTP, "started", {SERVER, CLIENT}),
    "service-http": Signals(HTTP, "started", {SERVER, CLIENT}),
    "publisher": Signals(HTTP, "order * is in the queue", {SERVER, CLIENT, PRODUCER}),
    "consumer": Signals(
        prometheus_name(*telemetry.ORDERS_SETTLED[:2], "counter"),
        "order * is confirmed",
        {CONSUMER, CLIENT},
    ),
}
# Who calls whom, stores included; the only way to a backend is through the gateway.
EDGES = {
    "frontend": {"api-gw"},
    "api-gw": {"service-http", "publisher"},
    "service-http": {"redis", "sqlite"},
    "publisher": {"redis", "consumer"},
    "consumer": {"redis", "sqlite"},
}
# Lines of the log about one order that was stored at once.
LOGGED_OF_AN_ORDER = {"nginx", "publisher", "consumer"}
# What may tell series of one metric apart: everything else would be a series more per start.
RESOURCE_LABELS = {"service_name", "service_namespace", "service_instance_id", "service_version"}
HTTP_LABELS = {
    *("http_request_method", "http_response_status_code", "http_route", "url_scheme"),
    *("network_protocol_version", "server_address", "server_port", "error_type"),
}
SPAN_LABELS = {"span_name", "span_kind", "status_code"}
OWN_LABELS = {"le", "result", "status", "reason", "upstream", "route", "outcome"}
PROCESS_LABELS = {
    *("cpu_mode", "cpython_gc_generation", "process_runtime_name", "process_runtime_version"),
    *("otel_component_name", "otel_component_type"),
}
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
    held: uuid.UUID  # an order that cannot be read

    @property
    def trace_id(self) -> str:
        return self.order.headers["traceresponse"].split("-")[1]

    def spans(self, trace_id: str) -> list[Span]:
        answer = httpx.get(f"{self.pipeline.receiver.url}/api/traces/{trace_id}")
        return spans_of(answer.json()) if answer.is_success else []

    def all_spans(self) -> list[list[Span]]:
        """By trace."""
        found = httpx.get(f"{self.pipeline.receiver.url}/api/traces?limit=500").json()["traces"]
        return [self.spans(one["trace_id"]) for one in found]


def shop_once(guest: Guest) -> httpx.Response:
    """The answer to the order."""
    with closing(guest.http):
        product = guest.product()
        guest.http.get(f"/products/{product['slug']}")
        guest.http.get("/nowhere/at/all")
        guest.http.get("/api/products?q=kanari@example.com")
        line = {product["product_id"]: 1}
        refused = guest.post_order(line, customer={**CUSTOMER, "telephone": "kanari 0812"})
        assert refused.status_code == 422
        order = guest.post_order(line, customer=CUSTOMER)
        assert order.status_code == 202, order.text
        guest.wait_for_end(order.json()["order_id"])
    return order


def shop_in_trouble(stack: RunningStack, guest: Guest) -> uuid.UUID:
    """An order that waits for the database, and one that cannot be read: that one's id."""
    with closing(guest.http):
        line = {guest.product()["product_id"]: 1}
        with closing(sqlite3.connect(stack.data / "arloji.db")) as connection:
            connection.execute("BEGIN IMMEDIATE")
            order = guest.post_order(line, customer=CUSTOMER).json()
            # Longer than the consumer waits for its lock.
            eventually(lambda: stack.count_lines("consumer", "warning: the database is unav"))
            connection.rollback()
        guest.wait_for_end(order["order_id"])
    held = uuid.uuid4()
    message = {"order_id": str(held), "guest_id": str(held), "customer": CUSTOMER}
    with redis.Redis(port=stack.port("queue-redis")) as queue:
        queue.xadd("orders", {"schema": "1", "order": json.dumps(message)})
    return held


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A shop whose telemetry goes through the collector, after one customer has been there."""
    folder = tmp_path_factory.mktemp("watched")
    with running_pipeline(folder) as pipeline:
        endpoint = f"all.OTEL_EXPORTER_OTLP_ENDPOINT={pipeline.collector.otlp_url}"
        options = ["--set", endpoint, "--set", "all.OTEL_METRIC_EXPORT_INTERVAL=2000"]
        with RunningStack(folder / "shop", options=options) as stack:
            edge = Edge(folder, stack.port("frontend"), pipeline.collector.logs / "nginx")
            with edge:
                order = shop_once(Guest(edge.url))
                yield Watched(pipeline, stack, order, shop_in_trouble(stack, Guest(edge.url)))


def test_the_matrix_names_every_service() -> None:
    assert MATRIX.keys() == {"nginx", *SERVICE_NAMES}
    assert EDGES.keys() == set(SERVICE_NAMES)


@pytest.mark.parametrize("name", MATRIX)
def test_every_part_sends_every_signal(watched: Watched, name: str) -> None:
    signals, pipeline = MATRIX[name], watched.pipeline
    if signals.metric:
        selector = f'{signals.metric}{{service_name="{name}",service_namespace="arloji"}}'
        eventually(lambda: pipeline.metrics.query(selector))
    words = signals.log.split(" * ")
    asked = " ".join([f'{{service.name="{name}"}}', *(f'_msg:"{one}"' for one in words)])
    line = eventually(lambda: pipeline.logs.query(asked))[0]
    assert line["severity_text"] == "INFO"
    assert line["_stream"].startswith(f'{{service.name="{name}",service.namespace="arloji"')

    def kinds() -> set[int]:
        return {
            span.kind for trace in watched.all_spans() for span in trace if span.service == name
        }

    waiting.eventually(kinds, lambda found: found - {INTERNAL} == signals.spans)


def test_services_call_those_that_they_should_and_no_others(watched: Watched) -> None:
    def edges() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for trace in watched.all_spans():
            by_id = {span.span_id: span for span in trace}
            for span in trace:
                store = span.attributes.get("db.system.name")
                if store is not None:
                    found.setdefault(span.service, set()).add(store)
                caller = by_id.get(span.parent_id, span).service
                if caller != span.service:
                    found.setdefault(caller, set()).add(span.service)
        return found

    waiting.eventually(edges, lambda found: found == EDGES)


def test_the_trace_of_an_order_finds_its_logs_and_its_latency(watched: Watched) -> None:
    """By the queries with which Grafana leads from a span to both."""
    sources = yaml.safe_load(SOURCES.read_text())["datasources"]
    (of_traces,) = [one["jsonData"] for one in sources if one["uid"] == "vt"]
    query = of_traces["tracesToLogsV2"]["query"].replace("$${__trace.traceId}", watched.trace_id)
    lines = waiting.eventually(
        lambda: watched.pipeline.logs.query(query),
        lambda found: {line["service.name"] for line in found} == LOGGED_OF_AN_ORDER,
    )
    order_id = watched.order.json()["order_id"]
    assert {line["service.name"] for line in lines if order_id in line["_msg"]} == {
        *("publisher", "consumer")
    }
    spans = watched.spans(watched.trace_id)
    assert {span.service for span in spans} == set(SERVICE_NAMES) - {"service-http"}
    (duration,) = [
        one["query"] for one in of_traces["tracesToMetrics"]["queries"] if "Duration" in one["name"]
    ]
    # The rate of what has happened once is none; its increase is.
    duration = duration.replace("rate(", "increase(").replace("[1m]", "[1h]")
    wanted = {(span.service, span.name) for span in spans}

    def measured() -> dict[tuple[str, str], float]:
        return {
            (service, one["metric"]["span_name"]): float(one["value"][1])
            for service in SERVICE_NAMES
            for one in watched.pipeline.metrics.query(
                duration.replace("$$__tags", f'service_name="{service}"')
            )
        }

    found = waiting.eventually(measured, lambda found: wanted <= found.keys())
    assert all(0 < found[one] < 60 for one in wanted)
    stored = prometheus_name(*telemetry.ORDERS_TIME_TO_STORED[:2], "histogram")
    assert watched.pipeline.metrics.query(f"{stored}_count")


def test_metrics_have_the_names_that_dashboards_use(watched: Watched) -> None:
    wanted = {
        *map(names.counter, COUNTERS),
        *map(names.gauge, GAUGES),
        f"{names.histogram(telemetry.ORDERS_TIME_TO_STORED)}_bucket",
        prometheus_name("http.server.request.duration", "s", "histogram") + "_count",
        prometheus_name("http.client.request.duration", "s", "histogram") + "_count",
        prometheus_name("process.cpu.time", "s", "counter"),
        prometheus_name("process.memory.usage", "By", "gauge"),
        f"{names.histogram(telemetry.EVENT_LOOP_LAG)}_bucket",
        names.gauge(telemetry.BUILD_INFO),
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
    allowed = (
        RESOURCE_LABELS | HTTP_LABELS | SPAN_LABELS | OWN_LABELS | POOL_LABELS | PROCESS_LABELS
    )
    series = metrics.labels('{service_name!=""}')
    assert {label for labels in series for label in labels} - {"__name__"} - allowed == set()
    # The edge's figures are made of its log by the collector, and are those of one instance.
    services = [labels for labels in series if labels["service_name"] != "nginx"]
    instances = {labels["service_instance_id"] for labels in services}
    ports = {instance.rpartition(":")[2] for instance in instances}
    assert ports == {str(watched.stack.port(service)) for service in SERVICES}
    assert not [value for value in instances if re.search("[0-9a-f]{8}-[0-9a-f]{4}-", value)]


def test_spans_of_the_consumer_and_of_sql_are_metrics(watched: Watched) -> None:
    metrics = watched.pipeline.metrics
    wanted = 'traces_span_metrics_duration_seconds_count{service_name="consumer"}'
    kinds = eventually(lambda: {sample["metric"]["span_kind"] for sample in metrics.query(wanted)})
    assert {"SPAN_KIND_CONSUMER", "SPAN_KIND_CLIENT"} <= kinds


def test_nothing_personal_is_in_any_store(watched: Watched) -> None:
    """Of bodies that were accepted, refused or unreadable, of a transaction that failed, of SQL and
    of Redis, and nothing in the log of nginx."""
    pipeline = watched.pipeline
    # What was told last.
    pipeline.line('{service.name="consumer"} _msg:"is a dead letter"')
    pipeline.line('{service.name="consumer"} _msg:"reading pauses"')
    failed = [
        span
        for trace in eventually(watched.all_spans)
        for span in trace
        if "OperationalError" in str(span.attributes.get("error.type"))
    ]
    assert failed
    eventually(pipeline.collector.has_delivered)
    everything = {
        "logs": json.dumps(pipeline.logs.query("*")),
        "metrics": json.dumps(pipeline.metrics.labels('{__name__!=""}')),
        "spans": "".join(
            httpx.get(f"{pipeline.receiver.url}/api/traces/{one['trace_id']}").text
            for one in httpx.get(f"{pipeline.receiver.url}/api/traces?limit=500").json()["traces"]
        ),
    }
    for where, text in everything.items():
        assert len(text) > 10_000, where
        assert "anari" not in text, (where, re.findall(".{80}anari.{40}", text))
    assert "process orders" in everything["spans"]


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

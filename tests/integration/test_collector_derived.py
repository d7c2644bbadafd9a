"""Figures that the collector makes of the edge's log lines and of spans."""

import http.client
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.trace import SpanKind

from housekeeping.__main__ import main
from tests.collector_senders import sending_spans
from tests.collectors import Pipeline, running_pipeline
from tests.log_writers import load, nginx
from tests.servers import find_program
from tests.telemetry_stores import eventually
from tests.waiting import eventually as soon

LOCATIONS = """
    location / { return 200; }
    location /api/orders { return 503; }
"""
# What is asked, and what names it in the figures.
REQUESTS = {
    ("GET", "/"): ("GET", "/", "200"),
    ("GET", "/?q=kanari"): ("GET", "/", "200"),
    ("GET", "/products/a-1"): ("GET", "/products/{slug}", "200"),
    ("GET", "/products/b-2?quantity=2"): ("GET", "/products/{slug}", "200"),
    ("POST", "/api/orders"): ("POST", "/api/orders", "503"),
    ("GET", "/api/orders/0b7a1a3e"): ("GET", "/api/orders/{order_id}", "503"),
    ("GET", "/wp-login.php"): ("GET", "other", "200"),
    ("BREW", "/coffee"): ("_OTHER", "other", "200"),
}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    changes = {"interval: {interval: 10s}": "interval: {interval: 1s}"}
    with running_pipeline(tmp_path_factory.mktemp("telemetry"), changes=changes) as running:
        yield running


def edge_counts(pipeline: Pipeline) -> Counter[tuple[str, str, str]]:
    name = 'http_server_request_duration_seconds_count{service_name="nginx"}'
    labels = ("http_request_method", "http_route", "http_response_status_code")
    return Counter(
        {
            (one["metric"][labels[0]], one["metric"][labels[1]], one["metric"][labels[2]]): int(
                one["value"][1]
            )
            for one in pipeline.metrics.query(name)
        }
    )


def test_the_edge_is_counted_by_route_method_and_status(pipeline: Pipeline) -> None:
    before, expected = edge_counts(pipeline), Counter(REQUESTS.values())
    with nginx(pipeline.collector.logs / "nginx", LOCATIONS) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        for method, path in REQUESTS:
            client.request(method, path)
            client.getresponse().read()
        client.close()
        eventually(lambda: edge_counts(pipeline) - before == expected)
    buckets = pipeline.metrics.labels('http_server_request_duration_seconds_bucket{le!=""}')
    # The bounds of the objectives.
    assert {one["le"] for one in buckets} >= {"0.25", "0.5", "1", "2.5", "5", "10", "+Inf"}
    assert {*buckets[0]} == {
        *("__name__", "le", "service_name", "service_namespace"),
        *("http_request_method", "http_route", "http_response_status_code"),
    }


def test_rotation_loses_no_line_and_counts_none_twice(pipeline: Pipeline) -> None:
    """With nginx that always writes, its own way to reopen, and logrotate."""
    for name in ("logrotate", "zstd"):
        find_program(name)
    logs = pipeline.collector.logs / "nginx"
    before = edge_counts(pipeline).total()

    def arrived() -> tuple[int, int]:
        """In both ways that a file goes: its lines, and what is counted of them."""
        query = '"url.path":~"^/mark-" | stats count() lines'
        lines = int(pipeline.logs.query(query)[0]["lines"])
        return lines, edge_counts(pipeline).total() - before

    with nginx(logs) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

        def ask(_writer: int, n: int) -> None:
            client.request("GET", f"/mark-{n}")
            client.getresponse().read()
            # As fast as it can it would soon be minutes ahead of a collector on a busy machine.
            time.sleep(0.002)

        with load(ask, writers=1) as asked:
            for _ in range(3):
                assert main(["rotate-logs", "nginx", str(logs), "--force"]) == 0
                soon((logs / "access.log").exists)
                written = asked.total()
                # What is compressed before it was read is gone; the next turn is a day away.
                eventually(lambda written=written: min(arrived()) > written)
        client.close()
    total = asked.total()
    soon(arrived, lambda found: found == (total, total), seconds=60)
    lines = pipeline.logs.query('"url.path":~"^/mark-" | fields "url.path"')
    assert Counter(line["url.path"] for line in lines) == {f"/mark-{n}": 1 for n in range(total)}


def test_spans_of_whoever_asks_make_the_service_graph(pipeline: Pipeline) -> None:
    queue = {"messaging.destination.name": "orders"}
    with sending_spans(pipeline, "api-gw") as gateway, sending_spans(pipeline, "publisher") as two:
        for address in ("publisher", "publisher.arloji.svc.cluster.local"):
            with gateway.start_as_current_span(
                "POST", kind=SpanKind.CLIENT, attributes={"server.address": address}
            ):
                pass
        # What a client has called the shop is not among its parts.
        gateway.start_span("GET", kind=SpanKind.SERVER, attributes={"server.address": "x"}).end()
        two.start_span("send orders", kind=SpanKind.PRODUCER, attributes=queue).end()
    with sending_spans(pipeline, "consumer") as consumer:
        consumer.start_span("process orders", kind=SpanKind.CONSUMER, attributes=queue).end()

    def edges() -> dict[tuple[str, str], str]:
        found = pipeline.metrics.query("traces_service_graph_request_total")
        return {
            (one["metric"]["client"], one["metric"]["server"]): one["value"][1] for one in found
        }

    expected = {
        ("api-gw", "publisher"): "2",
        ("publisher", "orders"): "1",
        ("orders", "consumer"): "1",
    }
    eventually(lambda: edges() == expected)
    assert pipeline.metrics.query("traces_service_graph_request_client_seconds_bucket")


def test_of_spans_that_come_at_the_same_time_the_graph_misses_none(pipeline: Pipeline) -> None:
    """From a process of each replica. Two batches that are looked at beside each other may be added
    up the wrong way round, and one of them is then dropped (batch/in-order)."""
    replicas, calls = 8, 100

    def ask(_replica: int) -> None:
        with sending_spans(pipeline, "frontend") as frontend:
            for _ in range(calls):
                address = {"server.address": "api-gw"}
                frontend.start_span("GET", kind=SpanKind.CLIENT, attributes=address).end()

    with ThreadPoolExecutor(replicas) as threads:
        list(threads.map(ask, range(replicas)))
    counted = 'sum(traces_service_graph_request_total{client="frontend"})'
    soon(
        lambda: [one["value"][1] for one in pipeline.metrics.query(counted)],
        lambda found: found == [str(replicas * calls)],
        seconds=30,
    )

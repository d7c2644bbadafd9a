"""The shape of the gateway's traces and the names of its metrics."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from contracts.telemetry import (
    GATEWAY_BREAKER,
    GATEWAY_IN_FLIGHT,
    GATEWAY_LIMIT,
    GATEWAY_RETRIES,
    GATEWAY_SHED,
    GATEWAY_WAITING,
    ROUTE_CLASS,
)
from services.api_gw.app import create_app
from services.api_gw.settings import Settings
from tests.asgi import running
from tests.scripted import SILENCE, ScriptedServer, closes
from tests.waiting import eventually_async as eventually

ORDER = "/api/orders/11111111-2222-4333-8444-555555555555"
CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def of_kind(spans: InMemorySpanExporter, kind: SpanKind) -> Sequence[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.kind is kind]


@pytest.mark.parametrize(
    ("method", "path", "route", "route_class"),
    [
        ("GET", "/api/products?q=x", "/api/products", "list"),
        ("HEAD", "/api/products", "/api/products", "list"),
        ("GET", "/api/products?ids=1,2", "/api/products", "product"),
        ("GET", "/api/products/17", "/api/products/{product_id}", "product"),
        ("GET", ORDER, "/api/orders/{order_id}", "order-status"),
        ("POST", "/api/orders", "/api/orders", "order-placement"),
    ],
)
async def test_a_request_is_one_server_span_named_by_the_table_and_one_client_span(
    client: httpx.AsyncClient,
    reads: ScriptedServer,
    orders: ScriptedServer,
    spans: InMemorySpanExporter,
    method: str,
    path: str,
    route: str,
    route_class: str,
) -> None:
    """In the caller's trace."""
    caller = {"traceparent": f"00-{CALLERS_TRACE}-00f067aa0ba902b7-01"}
    answer = await client.request(method, path, headers=caller)
    (server,) = of_kind(spans, SpanKind.SERVER)
    (sent,) = of_kind(spans, SpanKind.CLIENT)
    assert len(spans.get_finished_spans()) == 2
    assert server.name == f"{method} {route}"
    assert server.attributes is not None
    assert server.attributes["http.route"] == route
    assert server.attributes[ROUTE_CLASS] == route_class
    assert server.attributes["http.response.status_code"] == 200
    assert sent.parent is not None
    assert sent.parent.span_id == server.context.span_id
    assert sent.attributes is not None
    assert sent.attributes["http.response.status_code"] == 200
    assert "http.status_code" not in sent.attributes
    (request,) = [*reads.received, *orders.received]
    (traceparent,) = request.values("traceparent")
    version, trace_id, span_id, _flags = traceparent.split("-")
    assert (version, trace_id, span_id) == ("00", CALLERS_TRACE, f"{sent.context.span_id:016x}")
    assert f"{server.context.trace_id:032x}" == trace_id
    assert answer.headers["traceresponse"].split("-")[1] == trace_id


async def test_a_second_try_is_a_span_of_its_own_that_says_so(
    client: httpx.AsyncClient, reads: ScriptedServer, spans: InMemorySpanExporter
) -> None:
    reads.script.append(closes())
    await client.get("/api/products")
    first, second = (dict(span.attributes or {}) for span in of_kind(spans, SpanKind.CLIENT))
    assert first["error.type"] == "ConnectionFailed"
    assert "http.request.resend_count" not in first
    assert second["http.request.resend_count"] == 1


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/products/x", "/api/products/"])
async def test_a_path_that_is_no_route_names_nothing_and_readiness_leaves_no_spans(
    client: httpx.AsyncClient, spans: InMemorySpanExporter, path: str
) -> None:
    await eventually(lambda: client.get("/readyz"), lambda answer: answer.status_code == 200)
    await client.get(path)
    (server,) = spans.get_finished_spans()
    assert server.name == "GET"
    assert "http.route" not in (server.attributes or {})


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    """Reads what apps record that are built after it."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)
    return reader


def points_of(metrics: InMemoryMetricReader, name: str) -> list[tuple[dict[str, Any], float]]:
    """Attributes and value (of a histogram, the count) of each point."""
    data = metrics.get_metrics_data()
    assert data is not None
    return [
        (
            dict(point.attributes or {}),
            point.value if isinstance(point, NumberDataPoint) else point.count,
        )
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def counted(metrics: InMemoryMetricReader, name: str) -> list[tuple[dict[str, Any], float]]:
    """Without those that are there to be zero from the start."""
    return [point for point in points_of(metrics, name) if point[1]]


async def test_its_metrics_are_those_of_the_contract(
    metrics: InMemoryMetricReader, reads: ScriptedServer, orders: ScriptedServer
) -> None:
    settings = Settings(
        service_http_url=reads.url, publisher_url=orders.url, guest_order_rate=0.1, max_in_flight=1
    )
    async with running(create_app(settings)) as client:
        reads.script.append(closes())
        await client.get("/api/products/17")
        product = {"route": "product", "upstream": "service-http"}
        assert counted(metrics, GATEWAY_RETRIES.name) == [({"outcome": "sent"} | product, 1)]

        for _ in range(2):
            await client.post("/api/orders", headers={"X-Arloji-Guest": ORDER[-36:]})
        orders_of, reads_of = {"upstream": "publisher"}, {"upstream": "service-http"}
        placement = {"route": "order-placement"} | orders_of
        shed = [({"reason": "guest_rate"} | placement, 1)]
        assert counted(metrics, GATEWAY_SHED.name) == shed

        reads.script.append(SILENCE)
        waiting = asyncio.create_task(client.get("/api/products/17"))
        await eventually(lambda: len(reads.received) == 3)
        assert (product, 1) in points_of(metrics, GATEWAY_IN_FLIGHT.name)
        await client.get("/api/brands")
        shed.insert(0, ({"reason": "limit", "route": "list"} | reads_of, 1))
        assert counted(metrics, GATEWAY_SHED.name) == shed
        reads.drop_connections()
        await waiting
        assert (product, 0) in points_of(metrics, GATEWAY_IN_FLIGHT.name)
        assert (product, 0) in points_of(metrics, GATEWAY_WAITING.name)
        assert ({"reason": "breaker"} | product, 0) in points_of(metrics, GATEWAY_SHED.name)
        assert points_of(metrics, GATEWAY_LIMIT.name) == [(reads_of, 1), (orders_of, 1)]
        assert points_of(metrics, GATEWAY_BREAKER.name) == [(reads_of, 0), (orders_of, 0)]


async def test_server_metrics_know_routes_and_never_paths(
    metrics: InMemoryMetricReader, reads: ScriptedServer
) -> None:
    async with running(create_app(Settings(service_http_url=reads.url))) as client:
        for path in ("/api/products/17", "/api/products/18", "/api/secret-path"):
            await client.get(path)
    points = points_of(metrics, "http.server.request.duration")
    routes = {attributes.get("http.route"): count for attributes, count in points}
    assert routes == {"/api/products/{product_id}": 2, None: 1}
    assert "secret" not in str(points)


async def test_client_metrics_know_services_and_failures_and_never_paths(
    metrics: InMemoryMetricReader, reads: ScriptedServer
) -> None:
    async with running(create_app(Settings(service_http_url=reads.url))) as client:
        reads.script.append(closes())
        for _ in range(2):
            await client.get("/api/products/17")
    asked = {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": int(reads.url.rpartition(":")[2]),
    }
    assert points_of(metrics, "http.client.request.duration") == [
        (asked | {"error.type": "ConnectionFailed"}, 1),
        (asked | {"http.response.status_code": 200}, 2),
    ]

"""Our own SERVER span and metrics against those of the FastAPI instrumentation."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import Response
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.http_server.request import RequestWrapper
from servicekit.telemetry.light_metrics import LightMeterProvider
from servicekit.telemetry.server_spans import ServerTelemetry, name_route

PARENT = b"4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
SCOPE: Scope = {
    **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http"},
    **{"method": "GET", "path": "/items/7", "raw_path": b"/items/7", "query_string": b""},
    **{"root_path": "", "headers": [], "client": ("10.0.0.9", 5555), "server": ("shop", 8081)},
}
# What a request says that span or metrics may repeat.
HEADERS = st.lists(
    st.sampled_from(
        [
            *((b"traceparent", b"00-" + PARENT + flags) for flags in (b"-01", b"-00")),
            *((b"traceparent", text) for text in (b"", b"00-nonsense-01")),
            *((b"user-agent", name) for name in (b"", b"curl/8", b"Googlebot/2.1")),
            *((b"content-length", size) for size in (b"0", b"17")),
            (b"tracestate", b"vendor=1"),
        ]
    ),
    unique_by=lambda header: header[0],
)
SCOPES = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "HEAD", "PURGE"]),
        "path": st.sampled_from(["/items/7", "/nowhere", "/", "/static/a.css"]),
        "query_string": st.sampled_from([b"", b"q=a%20b&sort=name"]),
        "server": st.sampled_from([("shop", 8081), ("127.0.0.1", 80)]),
        "client": st.sampled_from([("10.0.0.9", 5555), None]),
        "headers": HEADERS,
    }
)


async def call(app: ASGIApp, scope: Mapping[str, Any]) -> list[Message]:
    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    sent: list[Message] = []
    await app({**SCOPE, **scope}, receive, send)
    return sent


def routed(status: int) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.api_route("/items/{name}", methods=["GET", "POST", "HEAD"])
    async def item(name: str) -> Response:
        return Response(b"of seven", status)

    async def mounted(_scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"a file", status)(_scope, receive, send)

    app.mount("/static", mounted)
    return app


def contrib(status: int) -> ASGIApp:
    app = routed(status)
    FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
    return app


def own_around_routes(status: int) -> ASGIApp:
    app = routed(status)
    app.add_middleware(RequestWrapper, timeout_seconds=5, telemetry=ServerTelemetry())
    return app


def own(status: int) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["path"].startswith("/items/")
        if known:
            name_route(scope, "/items/{name}")
        answer = (
            Response(b"of seven", status) if known else Response(b'{"detail":"Not Found"}', 404)
        )
        await answer(scope, receive, send)

    return RequestWrapper(app, timeout_seconds=5, telemetry=ServerTelemetry())


def told_by(
    kind: Callable[[int], ASGIApp], status: int, scope: Scope, spans: InMemorySpanExporter
) -> Mapping[str, Any]:
    """All that leaves the process about one request."""
    reader = InMemoryMetricReader()
    spans.clear()
    with pytest.MonkeyPatch.context() as patch:
        provider = (
            MeterProvider([reader], shutdown_on_exit=False)
            if kind is contrib
            else LightMeterProvider([reader], Resource({}))
        )
        patch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", provider)
        start = asyncio.run(call(kind(status), scope))[0]
        data = reader.get_metrics_data()
    (span,) = spans.get_finished_spans() or (None,)
    flags = dict(start["headers"])[b"traceresponse"].split(b"-")
    assert data is not None
    return {
        "span": span and shape_of(span),
        "traceresponse": (flags[0], flags[3], flags[1] if span is None else None),
        "exposed": dict(start["headers"])[b"access-control-expose-headers"],
        "metrics": {
            (metric.name, metric.unit, metric.description, scope_metrics.scope.name): [
                (dict(point.attributes or {}), value_of(point)) for point in metric.data.data_points
            ]
            for resource in data.resource_metrics
            for scope_metrics in resource.scope_metrics
            for metric in scope_metrics.metrics
        },
    }


def value_of(point: Any) -> Any:
    """But not a duration, which is under a second."""
    if isinstance(point, NumberDataPoint):
        return point.value
    return point.explicit_bounds, point.count, point.sum >= 1 and point.sum


def shape_of(span: ReadableSpan) -> Any:
    parent = span.parent and (span.parent.trace_id, span.parent.span_id, span.parent.trace_state)
    attributes = dict(span.attributes or {})
    return span.name, span.kind, attributes, span.status.status_code, parent, len(span.events)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scope=SCOPES, status=st.sampled_from([200, 204, 404, 500, 503]))
@example(scope={"headers": [(b"traceparent", b"00-" + PARENT + b"-01")]}, status=200)
def test_span_and_metrics_are_those_of_the_instrumentation(
    scope: Scope, status: int, spans: InMemorySpanExporter
) -> None:
    expected = told_by(contrib, status, scope, spans)
    assert told_by(own_around_routes, status, scope, spans) == expected
    if not scope.get("path", "").startswith("/static/") and scope.get("method") != "PURGE":
        assert told_by(own, status, scope, spans) == expected


async def cut(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ArithmeticError("half way")


async def test_what_cuts_an_answer_is_recorded_once_and_named(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ArithmeticError):
        await call(RequestWrapper(cut, timeout_seconds=5, telemetry=ServerTelemetry()), {})
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "ArithmeticError"
    assert [event.name for event in span.events] == ["exception"]
    assert span.kind is SpanKind.SERVER


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_have_no_span(path: str, spans: InMemorySpanExporter) -> None:
    start, _ = await call(own(200), {"path": path})
    assert "traceresponse" not in dict(start["headers"])
    assert spans.get_finished_spans() == ()

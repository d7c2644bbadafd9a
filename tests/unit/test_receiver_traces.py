"""Traces as programs and people get them: OTLP JSON, lists, and the way from an
order to its trace."""

import base64
import json
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status, TracesData

from contracts.telemetry import ORDER_ID
from tests.otlp import (
    PROTOBUF,
    log,
    pairs,
    receiver,
    send_logs,
    send_spans,
    span,
    span_id,
    trace_id,
    traces_of,
)

ORDER = "0b7a1a3e-5c5e-5e9e-9d9e-1c1b1a191817"
FAILED = Status(code=Status.STATUS_CODE_ERROR, message="database is locked")


def official(trace: dict[str, Any]) -> TracesData:
    """Read by the official JSON mapping, whose only difference is that ids are Base64."""

    def with_base64(node: Any) -> Any:
        if isinstance(node, list):
            return [with_base64(item) for item in node]
        if not isinstance(node, dict):
            return node
        return {
            name: base64.b64encode(bytes.fromhex(value)).decode()
            if name in ("traceId", "spanId", "parentSpanId")
            else with_base64(value)
            for name, value in node.items()
        }

    return json_format.ParseDict(with_base64(trace), TracesData())


async def test_a_trace_is_otlp_json_with_nothing_lost() -> None:
    sent = span(
        1,
        2,
        parent=1,
        name="process orders",
        kind=Span.SPAN_KIND_CONSUMER,
        attributes={ORDER_ID: ORDER, "count": 3, "ratio": 0.5, "first": True},
        events=[Span.Event(name="committed", time_unix_nano=5, attributes=pairs({"rows": 2}))],
        links=[Span.Link(trace_id=bytes.fromhex(trace_id(9)), span_id=b"12345678")],
        status=FAILED,
        trace_state="a=b",
        flags=257,
    )
    async with receiver() as client:
        await send_spans(client, "consumer", sent)
        answer = await client.get(f"/api/traces/{trace_id(1).upper()}")
    trace = answer.json()
    (entry,) = trace["resourceSpans"]
    plain = entry["scopeSpans"][0]["spans"][0]
    assert plain["traceId"] == trace_id(1)
    assert plain["parentSpanId"] == span_id(1)
    assert plain["kind"] == 5  # OTLP JSON: enums are numbers
    assert plain["startTimeUnixNano"] == str(sent.start_time_unix_nano)
    assert plain["links"][0]["traceId"] == trace_id(9)
    whole = official(trace)
    assert whole.resource_spans[0].scope_spans[0].spans[0] == sent
    expected = ExportTraceServiceRequest.FromString(traces_of("consumer", [sent]))
    assert list(whole.resource_spans) == list(expected.resource_spans)


async def test_what_the_receiver_writes_it_also_reads() -> None:
    async with receiver() as first, receiver() as second:
        await send_spans(first, "shop", span(1, 1, attributes={"text": "déjà vu"}), span(1, 2))
        trace = (await first.get(f"/api/traces/{trace_id(1)}")).json()
        assert (await second.post("/v1/traces", json=trace)).status_code == 200
        assert (await second.get(f"/api/traces/{trace_id(1)}")).json() == trace


async def test_spans_are_grouped_by_resource_and_scope() -> None:
    async with receiver() as client:
        for service, scope, number in (("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("a", "x", 4)):
            body = traces_of(service, [span(1, number, start_ms=number)], scope)
            await client.post("/v1/traces", content=body, headers=PROTOBUF)
        trace = (await client.get(f"/api/traces/{trace_id(1)}")).json()
    shape = [
        [
            (group["scope"]["name"], [one["spanId"][-1] for one in group["spans"]])
            for group in entry["scopeSpans"]
        ]
        for entry in trace["resourceSpans"]
    ]
    assert shape == [[("x", ["1", "4"]), ("y", ["2"])], [("x", ["3"])]]


async def test_an_unknown_trace_is_a_404_problem() -> None:
    async with receiver() as client:
        answer = await client.get(f"/api/traces/{trace_id(1)}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/api/traces", params=query)
    assert answer.status_code == 200
    return [str(trace["name"]) for trace in answer.json()["traces"]]


async def test_traces_are_found_by_service_text_order_error_and_length() -> None:
    async with receiver() as client:
        await send_spans(client, "frontend", span(1, name="GET /", start_ms=1))
        await send_spans(client, "frontend", span(2, name="POST /orders", start_ms=2, length_ms=50))
        await send_spans(
            client, "publisher", span(2, 2, parent=1, start_ms=3, attributes={ORDER_ID: ORDER})
        )
        await send_spans(
            client, "consumer", span(3, name="consume", status=FAILED, attributes={"Key": "Value"})
        )
        assert await listed(client) == ["POST /orders", "GET /", "consume"]  # newest first
        assert await listed(client, limit=1) == ["POST /orders"]
        assert await listed(client, service="frontend") == ["POST /orders", "GET /"]
        assert await listed(client, service="publisher") == ["POST /orders"]
        assert await listed(client, q="value") == ["consume"]
        assert await listed(client, q="get /") == ["GET /"]
        assert await listed(client, q=trace_id(1)) == ["GET /"]
        assert await listed(client, q=ORDER) == ["POST /orders"]
        assert await listed(client, order_id=ORDER.upper()) == ["POST /orders"]
        assert await listed(client, errors="1") == ["consume"]
        assert await listed(client, min_ms="20") == ["POST /orders"]


@pytest.mark.parametrize(
    ("kind", "status", "found"),
    [
        (Span.SPAN_KIND_CLIENT, 422, []),  # an error by convention, of nobody here
        (Span.SPAN_KIND_CLIENT, 404, []),
        (Span.SPAN_KIND_CLIENT, 503, ["ask"]),
        (Span.SPAN_KIND_SERVER, 422, ["ask"]),
    ],
)
async def test_a_refusal_is_no_error(kind: int, status: int, found: list[str]) -> None:
    attributes = {"http.response.status_code": status}
    async with receiver() as client:
        sent = span(1, name="ask", kind=kind, status=FAILED, attributes=attributes)
        await send_spans(client, "api-gw", sent)
        assert await listed(client, errors="1") == found


async def test_a_summary_says_what_happened() -> None:
    async with receiver() as client:
        await send_spans(client, "consumer", span(1, 2, parent=1, start_ms=30, length_ms=5))
        await send_spans(client, "frontend", span(1, 1, name="POST /orders", length_ms=20))
        (summary,) = (await client.get("/api/traces")).json()["traces"]
    assert summary == {
        "trace_id": trace_id(1),
        "name": "POST /orders",
        "services": ["frontend", "consumer"],
        "span_count": 2,
        "error_count": 0,
        "started_at": "2026-09-21T14:13:20.000000+00:00",
        "duration_ms": 35,
        "order_ids": [],
    }


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "\u0661", "9" * 30])
@pytest.mark.parametrize("name", ["limit", "min_ms"])
async def test_a_bad_number_in_the_query_is_400(name: str, value: str) -> None:
    async with receiver() as client:
        for path in ("/api/traces", "/"):
            answer = await client.get(path, params={name: value})
            assert answer.status_code == 400
            assert f"{name} is not a whole number" in answer.text


async def test_logs_are_found_by_service_text_trace_and_severity() -> None:
    async with receiver() as client:
        await send_logs(client, "a", log("late", ms=9, severity=17, trace=1, number=1))
        await send_logs(client, "b", log("Early", ms=1, attributes=pairs({"key": "needle"})))

        async def bodies(**query: Any) -> list[str]:
            answer = await client.get("/api/logs", params=query)
            return [line["body"] for line in answer.json()["logs"]]

        assert await bodies() == ["late", "Early"]  # by time, not by arrival
        assert await bodies(service="b") == ["Early"]
        assert await bodies(q="early") == ["Early"]
        assert await bodies(q="needle") == ["Early"]
        assert await bodies(trace_id=trace_id(1)) == ["late"]
        assert await bodies(severity="warn") == ["late"]
        assert await bodies(limit=1) == ["late"]


async def test_an_order_leads_to_the_trace_that_accepted_it() -> None:
    attributes = {ORDER_ID: ORDER}
    async with receiver() as client:
        # A status page names the order too, and a repeated request has a shorter trace.
        status = [span(1, number, attributes=attributes) for number in range(1, 5)]
        await send_spans(client, "service-http", *status)
        await send_spans(client, "publisher", span(2, attributes=attributes))
        await send_spans(client, "publisher", span(3, 1, attributes=attributes))
        await send_spans(client, "consumer", span(3, 2, parent=1, attributes=attributes))
        answer = await client.get(f"/orders/{ORDER.upper()}")
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/traces/{trace_id(3)}"


async def test_what_has_not_arrived_is_asked_for_again_for_a_minute() -> None:
    async with receiver() as client:
        for path in (f"/orders/{ORDER}", f"/traces/{trace_id(1)}"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert f'content="2; url={path}?waited=2"' in answer.text
            assert "Not arrived yet" in answer.text
            last = await client.get(path, params={"waited": 60})
            assert last.status_code == 404
            assert "http-equiv" not in last.text
            assert "Not here" in last.text


async def test_what_is_no_trace_id_is_not_waited_for() -> None:
    async with receiver() as client:
        answer = await client.get("/traces/anything")
        assert answer.status_code == 404
        assert "http-equiv" not in answer.text


async def test_the_waiting_page_asks_for_the_same_path_again() -> None:
    async with receiver() as client:
        text = (await client.get("/orders/a%3Fb%22c")).text
        assert "url=/orders/a%3Fb%22c?waited=2" in text


async def test_the_answer_is_json_that_every_reader_takes() -> None:
    async with receiver() as client:
        await send_spans(client, "shop", span(1, attributes={"nan": float("nan")}))
        text = (await client.get(f"/api/traces/{trace_id(1)}")).text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"not JSON: {name}"))

"""Traces and logs as programs read them, and how pages find them."""

import json
import re
from base64 import b64encode
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from contracts.telemetry import ORDER_ID
from tests.otlp import FAILED, ORDER, export_of, log, pairs, receiver, send, span, span_id, trace_id


def official(text: str) -> TracesData:
    """Read by the official JSON mapping, whose only difference is that ids are Base64."""

    def to_base64(hexadecimal: re.Match[str]) -> str:
        return b64encode(bytes.fromhex(hexadecimal[0])).decode()

    return json_format.Parse(re.sub(r'(?<=Id":")[0-9a-f]+', to_base64, text), TracesData())


async def test_a_trace_is_otlp_json_with_nothing_lost() -> None:
    sent = span(
        1,
        2,
        parent=1,
        name="process orders",
        kind=Span.SPAN_KIND_CONSUMER,
        attributes={ORDER_ID: ORDER, "count": 3, "nan": float("-inf"), "first": True},
        events=[Span.Event(name="committed", time_unix_nano=5, attributes=pairs({"rows": 2}))],
        links=[Span.Link(trace_id=bytes.fromhex(trace_id(9)), span_id=b"12345678")],
        status=FAILED,
        trace_state="a=b",
        flags=257,
    )
    async with receiver() as client:
        await send(client, "consumer", sent)
        text = (await client.get(f"/api/traces/{trace_id(1).upper()}")).text
    trace = json.loads(text, parse_constant=lambda name: pytest.fail(f"not JSON: {name}"))
    plain = trace["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (plain["traceId"], plain["parentSpanId"]) == (trace_id(1), span_id(1))
    assert plain["kind"] == 5  # OTLP JSON: enums are numbers
    assert plain["startTimeUnixNano"] == str(sent.start_time_unix_nano)
    assert plain["links"][0]["traceId"] == trace_id(9)
    _, body = export_of("consumer", sent)
    assert official(text) == TracesData.FromString(body)


async def test_spans_are_grouped_by_resource_and_scope() -> None:
    async with receiver() as client:
        for service, scope, number in (("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("a", "x", 4)):
            await send(client, service, span(1, number, start_ms=number), scope=scope)
        trace = (await client.get(f"/api/traces/{trace_id(1)}")).json()
    assert [
        [
            (group["scope"]["name"], [one["spanId"][-1] for one in group["spans"]])
            for group in entry["scopeSpans"]
        ]
        for entry in trace["resourceSpans"]
    ] == [[("x", ["1", "4"]), ("y", ["2"])], [("x", ["3"])]]


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/api/traces", params=query)
    return [trace["name"] for trace in answer.json()["traces"]]


async def test_traces_are_found_by_service_text_error_and_length() -> None:
    async with receiver() as client:
        await send(client, "frontend", span(1, name="GET /", start_ms=1))
        await send(client, "frontend", span(2, name="POST /orders", start_ms=2, length_ms=50))
        await send(client, "publisher", span(2, 2, parent=1, attributes={ORDER_ID: ORDER}))
        failed = span(3, name="consume", status=FAILED, attributes={"Key": "Value"})
        await send(client, "consumer", failed)
        for query, names in (
            ({}, ["GET /", "POST /orders", "consume"]),
            ({"limit": 1}, ["GET /"]),
            ({"service": "frontend"}, ["GET /", "POST /orders"]),
            ({"service": "publisher"}, ["POST /orders"]),
            ({"q": "value"}, ["consume"]),
            ({"q": "get /"}, ["GET /"]),
            ({"q": "PUBLISHER"}, ["POST /orders"]),
            ({"q": trace_id(1)}, ["GET /"]),
            ({"q": ORDER}, ["POST /orders"]),
            ({"errors": "1"}, ["consume"]),
            ({"errors": "0", "min_ms": "20"}, ["POST /orders"]),
        ):
            assert sorted(await listed(client, **query)) == names, query


async def test_a_summary_says_what_happened_and_the_newest_comes_first() -> None:
    async with receiver() as client:
        await send(client, "shop", span(2, name="older", start_ms=-1))
        late = span(1, 2, parent=1, start_ms=30, length_ms=5, attributes={ORDER_ID: ORDER})
        await send(client, "consumer", late)
        assert await listed(client) == ["work", "older"], "until its root is here"
        await send(client, "frontend", span(1, 1, name="POST /orders", length_ms=20))
        summary, older = (await client.get("/api/traces")).json()["traces"]
    assert older["name"] == "older"
    assert summary == {
        "trace_id": trace_id(1),
        "name": "POST /orders",
        "services": ["frontend", "consumer"],
        "span_count": 2,
        "error_count": 0,
        "started_at": "2026-09-21T14:13:20.000000+00:00",
        "duration_ms": 35,
        "order_ids": [ORDER],
    }


@pytest.mark.parametrize(
    ("kind", "status", "errors"),
    [
        (Span.SPAN_KIND_CLIENT, 422, 0),  # an error by convention, of nobody here
        (Span.SPAN_KIND_CLIENT, 404, 0),
        (Span.SPAN_KIND_CLIENT, 503, 1),
        (Span.SPAN_KIND_SERVER, 422, 1),
    ],
)
async def test_a_refusal_is_no_error(kind: int, status: int, errors: int) -> None:
    attributes = {"http.response.status_code": status}
    async with receiver() as client:
        await send(client, "api-gw", span(kind=kind, status=FAILED, attributes=attributes))
        assert len(await listed(client, errors="1")) == errors


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "\u0661", "9" * 30])
async def test_a_bad_number_in_the_query_is_400(value: str) -> None:
    async with receiver() as client:
        for path, name in (("/api/traces", "limit"), ("/", "min_ms")):
            answer = await client.get(path, params={name: value})
            assert answer.status_code == 400
            assert f"{name} is not a whole number" in answer.text


async def test_logs_are_found_by_service_text_trace_and_severity() -> None:
    async with receiver() as client:
        await send(client, "a", log("late", ms=9, severity=17, trace=1, number=1))
        await send(client, "b", log("Early", ms=1, attributes=pairs({"key": "needle"})))
        for query, bodies in (
            ({}, ["late", "Early"]),  # by time, not by arrival
            ({"service": "b"}, ["Early"]),
            ({"q": "early"}, ["Early"]),
            ({"q": "needle"}, ["Early"]),
            ({"trace_id": trace_id(1)}, ["late"]),
            ({"severity": "error"}, ["late"]),
            ({"severity": "fatal"}, []),
            ({"limit": 1}, ["late"]),
        ):
            found = (await client.get("/api/logs", params=query)).json()["logs"]
            assert [line["body"] for line in found] == bodies, query


async def test_an_order_leads_to_the_trace_that_accepted_it() -> None:
    attributes = {ORDER_ID: ORDER}
    async with receiver() as client:
        # A status page names the order too, and a repeated request has a shorter trace.
        status = [span(1, number, attributes=attributes) for number in range(1, 5)]
        await send(client, "service-http", *status)
        await send(client, "publisher", span(3, 1, attributes=attributes))
        await send(client, "consumer", span(3, 2, parent=1, attributes=attributes))
        await send(client, "publisher", span(2, attributes=attributes))
        answer = await client.get(f"/orders/{ORDER.upper()}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/traces/{trace_id(3)}")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/orders/{ORDER}", True),
        (f"/traces/{trace_id(1)}", True),
        ("/orders/a%3Fb%22", True),
        ("/traces/anything", False),  # no trace id
    ],
)
async def test_what_has_not_arrived_is_asked_for_again_for_a_minute(
    path: str, expected: bool
) -> None:
    async with receiver() as client:
        first = await client.get(path)
        last = await client.get(path, params={"waited": 60})
    assert (first.status_code, last.status_code) == (404, 404)
    assert (f'content="2; url={path}?waited=2"' in first.text) == expected
    assert ("Not here" in first.text) != expected
    assert "http-equiv" not in last.text
    assert "Not here" in last.text

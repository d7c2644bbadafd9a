"""Whatever is sent, the receiver answers with a documented status and its pages stay up."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import given
from hypothesis import strategies as st

from local.receiver.app import create_app
from tests.otlp import log, logs_of, metrics_of, pairs, receiver, span, trace_id, traces_of
from tests.unit.test_receiver_metrics import EVERY_KIND

PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs")
PAGES = (
    *("/", "/metrics", "/logs", "/api/traces", "/api/metrics", "/api/logs", "/api/telemetry"),
    *(f"/traces/{trace_id(1)}", f"/api/traces/{trace_id(1)}"),
)
TAKEN = {200, 400, 413, 415}

# Valid messages, so that a changed byte reaches deep into the decoding.
VALID = (
    traces_of("shop", [span(1, 1, attributes={"a": 1.5}, events=[], links=[]), span(1, 2)]),
    metrics_of("shop", EVERY_KIND),
    logs_of("shop", [log("hello", trace=1, number=1, attributes=pairs({"a": True}))]),
)
TYPES = st.sampled_from(
    ["application/x-protobuf", "application/json", "application/json; charset=utf-16", "", "x"]
)
ENCODINGS = st.sampled_from(["identity", "gzip", "deflate", "br", ""])

# The names that the decoding looks for, with values that do not belong there.
NAMES = st.sampled_from(
    [
        "resourceSpans", "scopeSpans", "spans", "traceId", "spanId", "name", "kind",
        "startTimeUnixNano", "attributes", "key", "value", "stringValue", "intValue", "doubleValue",
        "arrayValue", "kvlistValue", "values", "bytesValue", "resourceMetrics", "scopeMetrics",
        "metrics", "sum", "gauge", "histogram", "exponentialHistogram", "dataPoints", "asInt",
        "asDouble", "bucketCounts", "explicitBounds", "scale", "positive", "offset", "resourceLogs",
        "scopeLogs", "logRecords", "body", "severityNumber", "status", "code", "events", "links",
        "resource", "scope",
    ]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["00" * 16, "11" * 8, "NaN", "Infinity", "-1", "1e400"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=30,
)


# One for all examples: its templates are compiled once.
APP = create_app()


@asynccontextmanager
async def emptied() -> AsyncIterator[httpx.AsyncClient]:
    async with receiver(APP) as client:
        await client.delete("/api/telemetry")
        yield client


async def assert_up(client: httpx.AsyncClient) -> None:
    for page in PAGES:
        assert (await client.get(page)).status_code in {200, 404}


@given(st.sampled_from(PATHS), st.binary(max_size=300), TYPES, ENCODINGS)
async def test_random_bytes_never_break_it(
    path: str, body: bytes, media_type: str, encoding: str
) -> None:
    headers = {"content-type": media_type, "content-encoding": encoding}
    async with emptied() as client:
        answer = await client.post(path, content=body, headers=headers)
        assert answer.status_code in TAKEN
        await assert_up(client)


@given(st.data())
async def test_a_damaged_message_never_breaks_it(data: st.DataObject) -> None:
    async with emptied() as client:
        for path, valid in zip(PATHS, VALID, strict=True):
            body = bytearray(valid)
            for _ in range(data.draw(st.integers(1, 4))):
                body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
            headers = {"content-type": "application/x-protobuf"}
            answer = await client.post(path, content=bytes(body), headers=headers)
            assert answer.status_code in TAKEN
        await assert_up(client)


@given(st.sampled_from(PATHS), TREES)
async def test_json_of_another_shape_never_breaks_it(path: str, body: Any) -> None:
    async with emptied() as client:
        headers = {"content-type": "application/json"}
        answer = await client.post(path, content=dumped(body), headers=headers)
        assert answer.status_code in {200, 400}
        await assert_up(client)


def dumped(body: Any) -> bytes:
    """As a careless sender would: NaN and lone surrogates included."""
    return json.dumps(body).encode()


TEXT = st.text(max_size=20)


@given(
    st.sampled_from(["/", "/logs", "/metrics", "/api/traces", "/api/logs", "/api/metrics"]),
    st.dictionaries(
        st.sampled_from(
            ["q", "service", "limit", "min_ms", "errors", "order_id", "severity", "trace_id"]
        ),
        TEXT,
    ),
)
async def test_no_query_breaks_a_page(path: str, query: dict[str, str]) -> None:
    async with emptied() as client:
        for target, valid in zip(PATHS, VALID, strict=True):
            headers = {"content-type": "application/x-protobuf"}
            await client.post(target, content=valid, headers=headers)
        assert (await client.get(path, params=query)).status_code in {200, 400}


@given(st.sampled_from(["/traces/", "/orders/", "/api/traces/", "/static/", "/"]), TEXT)
async def test_no_path_breaks_it(prefix: str, rest: str) -> None:
    async with emptied() as client:
        answer = await client.get(prefix + quote(rest))
        assert answer.status_code in {200, 307, 404, 405}
        # without its last slash, never elsewhere
        assert answer.headers.get("location", "http://127.0.0.1:4318").startswith(
            "http://127.0.0.1:4318"
        )

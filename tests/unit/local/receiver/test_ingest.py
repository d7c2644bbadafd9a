"""What the receiver takes, what it refuses, and how it says so (OTLP/HTTP)."""

import gzip
import zlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram, Metric, Summary
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import PROTOBUF, export_of, gauge, histogram, log, receiver, send, span, trace_id

GZIP = {**PROTOBUF, "content-encoding": "gzip"}
EMPTY = gzip.compress(b"", mtime=0)
_, BODY = export_of("shop", span())


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    held: dict[str, int] = (await client.get("/api/telemetry")).json()
    return held


@pytest.mark.parametrize("record", [span(), log("hello"), gauge("n")], ids=["span", "log", "gauge"])
async def test_a_record_is_kept_and_answered_in_protobuf(record: object) -> None:
    async with receiver() as client:
        answer = await send(client, "shop", record)
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "application/x-protobuf"
        held = await counts(client)
        assert held["spans"] + held["logs"] + held["series"] == 1


NOT_PACKED = (b"", b"x", gzip.compress(BODY, mtime=0)[:-4], EMPTY + b"more", EMPTY + EMPTY)


@pytest.mark.parametrize(
    ("status", "said", "headers", "body"),
    [
        # As RFC 9110 §8.3.1 lets it be written.
        (200, b"", {"content-type": "Application/X-Protobuf; v=1"}, BODY),
        (200, b"", {**PROTOBUF, "content-encoding": "GZIP "}, gzip.compress(BODY, mtime=0)),
        (200, b"", {**PROTOBUF, "content-encoding": "deflate"}, zlib.compress(BODY)),
        (415, b"send application/x-protobuf", {}, BODY),
        (415, b"send application/x-protobuf", {"content-type": "application/json"}, b"{}"),
        (415, b"send gzip, deflate or identity", {**PROTOBUF, "content-encoding": "br"}, BODY),
        (415, b"send gzip, deflate or identity", {**GZIP, "content-encoding": "gzip, gzip"}, BODY),
        (400, b"the body is not the message of this path", PROTOBUF, b"\x0a\xff\x01"),
        *((400, b"the body is not what its Content-Encoding says", GZIP, x) for x in NOT_PACKED),
    ],
)
async def test_every_form_is_taken_and_a_refusal_has_its_reason_in_protobuf(
    status: int, said: bytes, headers: dict[str, str], body: bytes
) -> None:
    async with receiver() as client:
        answer = await client.post("/v1/traces", content=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/x-protobuf"
        # google.rpc.Status: field 2 is the message
        assert answer.content == (b"\x12" + bytes([len(said)]) + said if said else b"")
        assert (await counts(client))["spans"] == (status == 200)


async def test_a_body_over_the_bound_is_413_and_not_read_to_its_end() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 1000

    async with receiver(request_bytes=10_000) as client:
        answer = await client.post("/v1/traces", content=endless(), headers=PROTOBUF)
    assert answer.status_code == 413
    assert read < 20


@pytest.mark.parametrize(("bound", "status"), [(len(BODY), 200), (len(BODY) - 1, 413)])
async def test_a_body_of_just_the_bound_is_taken(bound: int, status: int) -> None:
    async with receiver(request_bytes=bound) as client:
        for headers, body in ((PROTOBUF, BODY), (GZIP, gzip.compress(BODY, mtime=0))):
            answer = await client.post("/v1/traces", content=body, headers=headers)
            assert answer.status_code == status


async def test_a_bomb_is_413_without_being_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0
    create = zlib.decompressobj

    class Measuring:
        def __init__(self, wbits: int) -> None:
            self._real = create(wbits=wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal longest
            unpacked = self._real.decompress(data, most)
            longest = max(longest, len(unpacked))
            return unpacked

    bomb = gzip.compress(bytes(50_000_000))
    monkeypatch.setattr(zlib, "decompressobj", Measuring)
    async with receiver(request_bytes=100_000) as client:
        answer = await client.post("/v1/traces", content=bomb, headers=GZIP)
    assert answer.status_code == 413
    assert longest == 100_001


async def test_records_beyond_the_bound_of_one_request_are_refused() -> None:
    async with receiver(request_records=3) as client:
        assert (await send(client, "shop", *(log(str(n)) for n in range(3)))).status_code == 200
        assert (await send(client, "shop", *(log(str(n)) for n in range(4)))).status_code == 413
        assert (await counts(client))["logs"] == 6


async def test_what_cannot_be_kept_is_counted_in_the_answer_and_the_rest_is_kept() -> None:
    no_spans = [
        Span(name="no ids"),
        Span(trace_id=bytes(16), span_id=b"12345678", name="only zeroes"),
        Span(trace_id=b"1234567890123456", span_id=b"1234", name="too short"),
    ]
    empty: Any = [{}]
    no_points = [
        Metric(name="e", exponential_histogram=ExponentialHistogram(data_points=empty)),
        Metric(name="s", summary=Summary(data_points=empty)),
        histogram("h", bucket_counts=[0] * 201),
        histogram("h", explicit_bounds=[0] * 201),
    ]
    async with receiver() as client:
        spans = ExportTraceServiceResponse.FromString(
            (await send(client, "shop", *no_spans, span())).content
        ).partial_success
        points = ExportMetricsServiceResponse.FromString(
            (await send(client, "shop", *no_points, gauge("n"))).content
        ).partial_success
        held = await counts(client)
    assert (spans.rejected_spans, points.rejected_data_points) == (3, 4)
    assert spans.error_message == "spans without a valid trace or span id"
    assert points.error_message == "only gauges, sums and histograms with explicit bounds are kept"
    assert (held["spans"], held["series"]) == (1, 1)


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        *((host, 200) for host in ("127.0.0.1:4318", "localhost", "LOCALHOST:99", "[::1]:4318")),
        *((host, 421) for host in ("evil.example", "127.0.0.1.evil.example:4318", "", "[::2]")),
        ("localhost evil.example", 421),  # two headers
    ],
)
async def test_only_loopback_names_are_answered(hosts: str, status: int) -> None:
    async with receiver() as client:
        for path in ("/", "/api/logs", "/static/icon.svg", "/v1/traces"):
            request = client.build_request("GET", path)
            request.headers = httpx.Headers([("host", host) for host in hosts.split(" ")])
            answer = await client.send(request)
            assert (answer.status_code == 421) == (status == 421)
            if status == 421:
                assert answer.headers["content-type"] == "application/problem+json"


async def test_every_answer_forbids_what_the_pages_do_not_need() -> None:
    async with receiver() as client:
        for path in ("/", "/api/traces", "/nothing", "/static/receiver.css"):
            headers = (await client.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/traces", 405),
        ("POST", "/api/none", 404),
        ("GET", f"/api/traces/{trace_id(1)}", 404),
    ],
)
async def test_a_wrong_method_path_or_trace_is_a_problem(
    method: str, path: str, status: int
) -> None:
    async with receiver() as client:
        answer = await client.request(method, path)
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"

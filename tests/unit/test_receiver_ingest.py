"""What the receiver takes, what it refuses, and how it says so (OTLP/HTTP)."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Metric,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import (
    PROTOBUF,
    log,
    logs_of,
    metrics_of,
    receiver,
    send_spans,
    span,
    trace_id,
    traces_of,
)

# As RFC 9110 §8.3.1 lets it be written.
JSON = {"content-type": "Application/JSON; charset=utf-8"}
JSON_TRACE = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5B8EFFF798038103D269B633813FC60C",
                            "spanId": "EEE19B7EC3C1B174",
                            "name": "by JSON",
                            "startTimeUnixNano": "1790000000000000000",
                            "endTimeUnixNano": "1790000000000500000",
                            "kind": 2,
                            "futureField": {"traceId": "00"},
                        }
                    ]
                }
            ],
        }
    ]
}


async def counts(client: httpx.AsyncClient) -> dict[str, int]:
    held: dict[str, int] = (await client.get("/api/telemetry")).json()
    return held


async def test_a_span_sent_as_protobuf_is_kept() -> None:
    async with receiver() as client:
        answer = await send_spans(client, "shop", span(1))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert answer.content == b""  # an ExportTraceServiceResponse that says nothing
        assert (await client.get(f"/api/traces/{trace_id(1)}")).status_code == 200


async def test_a_span_sent_as_json_is_kept_with_its_hexadecimal_ids() -> None:
    async with receiver() as client:
        answer = await client.post("/v1/traces", json=JSON_TRACE)
        assert (answer.status_code, answer.json()) == (200, {})
        kept = (await client.get("/api/traces/5b8efff798038103d269b633813fc60c")).json()
        (entry,) = kept["resourceSpans"]
        assert entry["scopeSpans"][0]["spans"][0]["spanId"] == "eee19b7ec3c1b174"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("GZIP ", gzip.compress), ("deflate", zlib.compress)],
)
async def test_a_compressed_body_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    async with receiver() as client:
        answer = await client.post(
            "/v1/logs",
            content=pack(logs_of("shop", [log("hello")])),
            headers={**PROTOBUF, "content-encoding": encoding},
        )
        assert answer.status_code == 200
        assert (await counts(client))["logs"] == 1


async def test_an_empty_request_is_a_valid_one() -> None:
    async with receiver() as client:
        for path in ("/v1/traces", "/v1/metrics", "/v1/logs"):
            assert (await client.post(path, content=b"", headers=PROTOBUF)).status_code == 200
            assert (await client.post(path, json={})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {**PROTOBUF, "content-encoding": "br"},
        {**PROTOBUF, "content-encoding": "gzip, gzip"},
    ],
)
async def test_another_media_type_or_encoding_is_415(headers: dict[str, str]) -> None:
    async with receiver() as client:
        answer = await client.post("/v1/traces", content=b"x", headers=headers)
        assert answer.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans": [null]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":7}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":-1}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":1e999}]}]}]}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\\ud800"}]}]}]}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    ],
)
async def test_a_broken_json_body_is_400(body: bytes) -> None:
    async with receiver() as client:
        answer = await client.post("/v1/traces", content=body, headers=JSON)
        assert answer.status_code == 400
        assert answer.json() == {"message": "the body is not the message of this path"}
        assert (await counts(client))["spans"] == 0


async def test_a_number_that_no_float_holds_is_400() -> None:
    point = {"asDouble": 10**4000}
    body = {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"gauge": {"dataPoints": [point]}}]}]}]
    }
    async with receiver() as client:
        answer = await client.post("/v1/metrics", json=body)
        assert answer.status_code == 400


async def test_a_broken_protobuf_body_is_400_and_says_why_in_protobuf() -> None:
    async with receiver() as client:
        answer = await client.post("/v1/traces", content=b"\x0a\xff\x01", headers=PROTOBUF)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/x-protobuf"
        # google.rpc.Status: field 2 is the message
        assert answer.content[0] == 0x12
        assert answer.content[2 : 2 + answer.content[1]].startswith(b"the body is not")


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip",
        gzip.compress(b"x" * 100, mtime=0)[:-4],  # cut off
        gzip.compress(b"", mtime=0) + b"and more",
        gzip.compress(b"", mtime=0) + gzip.compress(b"", mtime=0),
        b"",
    ],
)
async def test_a_body_that_does_not_unpack_is_400(body: bytes) -> None:
    async with receiver() as client:
        answer = await client.post(
            "/v1/traces", content=body, headers={**PROTOBUF, "content-encoding": "gzip"}
        )
        assert answer.status_code == 400


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


async def test_a_body_of_just_the_bound_is_taken() -> None:
    body = traces_of("shop", [span(1)])
    for bound, status in ((len(body), 200), (len(body) - 1, 413)):
        for encoding, packed in (("identity", body), ("gzip", gzip.compress(body))):
            async with receiver(request_bytes=bound) as client:
                answer = await client.post(
                    "/v1/traces", content=packed, headers={**PROTOBUF, "content-encoding": encoding}
                )
            assert (bound, encoding, answer.status_code) == (bound, encoding, status)


async def test_a_bomb_is_413_without_being_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = 0
    create = zlib.decompressobj

    class Watched:
        def __init__(self, wbits: int) -> None:
            self._real = create(wbits=wbits)

        def decompress(self, data: bytes, most: int) -> bytes:
            nonlocal longest
            unpacked = self._real.decompress(data, most)
            longest = max(longest, len(unpacked))
            return unpacked

    bomb = gzip.compress(bytes(50_000_000))
    monkeypatch.setattr(zlib, "decompressobj", Watched)
    async with receiver(request_bytes=100_000) as client:
        answer = await client.post(
            "/v1/traces", content=bomb, headers={**PROTOBUF, "content-encoding": "gzip"}
        )
    assert answer.status_code == 413
    assert longest == 100_001


async def test_records_beyond_the_bound_of_one_request_are_refused() -> None:
    async with receiver(request_records=3) as client:
        answer = await client.post(
            "/v1/logs", content=logs_of("shop", [log(str(n)) for n in range(4)]), headers=PROTOBUF
        )
        assert answer.status_code == 413
        assert (await counts(client))["logs"] == 3


async def test_spans_without_valid_ids_are_refused_one_by_one() -> None:
    bad = [
        Span(name="no ids"),
        Span(trace_id=bytes(16), span_id=b"12345678", name="only zeroes"),
        Span(trace_id=b"1234567890123456", span_id=b"1234", name="too short"),
    ]
    async with receiver() as client:
        answer = await send_spans(client, "shop", *bad, span(1))
        message = ExportTraceServiceResponse.FromString(answer.content)
        assert answer.status_code == 200
        assert message.partial_success.rejected_spans == 3
        assert message.partial_success.error_message == "spans without a valid trace or span id"
        assert (await counts(client))["spans"] == 1


async def test_a_partial_success_is_json_for_who_sent_json() -> None:
    body = json.loads(json.dumps(JSON_TRACE))
    body["resourceSpans"][0]["scopeSpans"][0]["spans"].append({"name": "no ids"})
    async with receiver() as client:
        answer = await client.post("/v1/traces", json=body)
        assert answer.json()["partialSuccess"] == {
            "rejectedSpans": "1",
            "errorMessage": "spans without a valid trace or span id",
        }


@pytest.mark.parametrize(
    "point",
    [
        ExponentialHistogramDataPoint(scale=-(2**31)),
        ExponentialHistogramDataPoint(
            scale=0,
            positive=ExponentialHistogramDataPoint.Buckets(offset=2**31 - 1, bucket_counts=[1]),
        ),
        ExponentialHistogramDataPoint(
            scale=20,
            positive=ExponentialHistogramDataPoint.Buckets(bucket_counts=[0] * 2001),
        ),
    ],
)
async def test_points_beyond_any_use_are_refused(point: ExponentialHistogramDataPoint) -> None:
    metric = Metric(name="wild", exponential_histogram=ExponentialHistogram(data_points=[point]))
    async with receiver() as client:
        answer = await client.post(
            "/v1/metrics", content=metrics_of("shop", [metric]), headers=PROTOBUF
        )
        message = ExportMetricsServiceResponse.FromString(answer.content)
        assert message.partial_success.rejected_data_points == 1
        assert (await counts(client))["series"] == 0


@pytest.mark.parametrize("host", ["127.0.0.1:4318", "localhost", "LOCALHOST:99", "[::1]:4318"])
async def test_loopback_names_are_answered(host: str) -> None:
    async with receiver() as client:
        assert (await client.get("/healthz", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:4318", "", "[::2]", "localhost.evil.example"]
)
@pytest.mark.parametrize("path", ["/", "/api/logs", "/static/icon.svg", "/v1/traces"])
async def test_a_rebound_name_is_not_answered(host: str, path: str) -> None:
    async with receiver() as client:
        answer = await client.get(path, headers={"host": host})
        assert answer.status_code == 421
        assert answer.headers["content-type"] == "application/problem+json"


async def test_two_hosts_are_none() -> None:
    async with receiver() as client:
        request = client.build_request("GET", "/")
        request.headers = httpx.Headers([("host", "localhost"), ("host", "evil.example")])
        assert (await client.send(request)).status_code == 421


async def test_every_answer_forbids_what_the_pages_do_not_need() -> None:
    async with receiver() as client:
        for path in ("/", "/api/traces", "/nothing", "/static/receiver.css"):
            headers = (await client.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in headers


async def test_a_wrong_method_or_path_is_a_problem() -> None:
    async with receiver() as client:
        for method, path, status in (("GET", "/v1/traces", 405), ("POST", "/api/none", 404)):
            answer = await client.request(method, path)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == status

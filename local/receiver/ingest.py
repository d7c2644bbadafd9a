"""The OTLP/HTTP endpoints (OTLP specification, OTLP/HTTP), for binary protobuf."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from local.receiver.body import RequestRefused, read_body
from local.receiver.decode import Origins, decode_logs, decode_spans
from local.receiver.decode_metrics import decode_series
from local.receiver.store import Store

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Signal:
    """What one path takes, and where in the store it is kept. `decode` yields None for a record
    that is not kept; `rejected` is the field that counts those in the answer's partial success."""

    path: str
    request: Callable[[], Message]
    response: Callable[[], Message]
    decode: Callable[[Any, Origins], Iterator[Any]]
    add: Callable[[Store], Callable[[Any], None]]
    rejected: str = ""
    reason: str = ""


SIGNALS = (
    Signal(
        "/v1/traces",
        traces.ExportTraceServiceRequest,
        traces.ExportTraceServiceResponse,
        decode_spans,
        lambda store: store.traces.add,
        "rejected_spans",
        "spans without a valid trace or span id",
    ),
    Signal(
        "/v1/metrics",
        metrics.ExportMetricsServiceRequest,
        metrics.ExportMetricsServiceResponse,
        decode_series,
        lambda store: store.metrics.add,
        "rejected_data_points",
        "only gauges, sums and histograms with explicit bounds are kept",
    ),
    Signal(
        "/v1/logs",
        logs.ExportLogsServiceRequest,
        logs.ExportLogsServiceResponse,
        decode_logs,
        lambda store: store.logs.add,
    ),
)


class Ingest:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._origins = Origins()

    def routes(self) -> list[Route]:
        return [Route(one.path, self._endpoint(one), methods=["POST"]) for one in SIGNALS]

    def _endpoint(self, signal: Signal) -> Callable[[Request], Awaitable[Response]]:
        async def receive(request: Request) -> Response:
            try:
                answer = self._keep(signal, await self._read(request, signal.request()))
            except RequestRefused as refusal:
                return _refusal(refusal)
            return Response(answer.SerializeToString(), media_type=PROTOBUF)

        return receive

    async def _read(self, request: Request, message: Message) -> Message:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != PROTOBUF:
            raise RequestRefused(415, f"send {PROTOBUF}")
        body = await read_body(request, self._store.limits.request_bytes)
        try:
            message.ParseFromString(body)
        except DecodeError:
            raise RequestRefused(400, "the body is not the message of this path") from None
        return message

    def _keep(self, signal: Signal, message: Message) -> Message:
        """A small body may hold millions of empty records; keeping them would stop all else."""
        answer, add, rejected = signal.response(), signal.add(self._store), 0
        records, most = signal.decode(message, self._origins), self._store.limits.request_records
        for record in islice(records, most):
            if record is None:
                rejected += 1
            else:
                add(record)
        if any(True for _ in records):
            raise RequestRefused(413, f"at most {most} records in one request are kept")
        if rejected:
            setattr(answer.partial_success, signal.rejected, rejected)
            answer.partial_success.error_message = signal.reason
        return answer


def _refusal(refusal: RequestRefused) -> Response:
    # google.rpc.Status in its wire form: field 2, a string of less than 128 bytes. Its module
    # would be one more dependency.
    text = refusal.message.encode()
    content = bytes([0x12, len(text)]) + text
    return Response(content, refusal.status, media_type=PROTOBUF)

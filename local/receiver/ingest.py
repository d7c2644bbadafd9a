"""The OTLP/HTTP endpoints (OTLP specification, OTLP/HTTP): binary protobuf and JSON."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.receiver.body import BodyBroken, BodyTooLarge, EncodingUnknown, read_body
from local.receiver.decode import Origins, decode_logs, decode_spans
from local.receiver.decode_metrics import decode_series
from local.receiver.otlp_json import parse_json, to_json
from local.receiver.store import Store

PROTOBUF, JSON = "application/x-protobuf", "application/json"


class TooManyRecords(Exception):
    """A small body may hold millions of empty records; keeping them would stop everything else."""


class Ingest:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._origins = Origins()

    def routes(self) -> list[Route]:
        return [
            Route("/v1/traces", self.traces, methods=["POST"]),
            Route("/v1/metrics", self.metrics, methods=["POST"]),
            Route("/v1/logs", self.logs, methods=["POST"]),
        ]

    async def traces(self, request: Request) -> Response:
        def keep(message: ExportTraceServiceRequest) -> ExportTraceServiceResponse:
            answer = ExportTraceServiceResponse()
            rejected = self._keep(decode_spans(message, self._origins), self._store.traces.add)
            if rejected:
                answer.partial_success.rejected_spans = rejected
                answer.partial_success.error_message = "spans without a valid trace or span id"
            return answer

        return await self._receive(request, ExportTraceServiceRequest(), keep)

    async def metrics(self, request: Request) -> Response:
        def keep(message: ExportMetricsServiceRequest) -> ExportMetricsServiceResponse:
            answer = ExportMetricsServiceResponse()
            rejected = self._keep(decode_series(message, self._origins), self._store.metrics.add)
            if rejected:
                answer.partial_success.rejected_data_points = rejected
                answer.partial_success.error_message = "points beyond any useful range"
            return answer

        return await self._receive(request, ExportMetricsServiceRequest(), keep)

    async def logs(self, request: Request) -> Response:
        def keep(message: ExportLogsServiceRequest) -> ExportLogsServiceResponse:
            self._keep(decode_logs(message, self._origins), self._store.logs.add)
            return ExportLogsServiceResponse()

        return await self._receive(request, ExportLogsServiceRequest(), keep)

    def _keep(self, records: Iterator[Any], add: Callable[[Any], None]) -> int:
        """Returns how many were refused; raises TooManyRecords after the most that one request
        may bring."""
        rejected = 0
        for record in islice(records, self._store.limits.request_records):
            if record is None:
                rejected += 1
            else:
                add(record)
        if any(True for _ in records):
            raise TooManyRecords
        return rejected

    async def _receive(
        self, request: Request, message: Message, keep: Callable[[Any], Message]
    ) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in {PROTOBUF, JSON}:
            return _refusal(JSON, 415, f"send {PROTOBUF} or {JSON}")
        try:
            body = await read_body(request, self._store.limits.request_bytes)
            if media_type == JSON:
                parse_json(body, message)
            else:
                message.ParseFromString(body)
            answer = keep(message)
        except EncodingUnknown:
            return _refusal(media_type, 415, "send gzip, deflate or identity")
        except BodyTooLarge:
            most = self._store.limits.request_bytes
            return _refusal(media_type, 413, f"at most {most} bytes, also when unpacked")
        except TooManyRecords:
            most = self._store.limits.request_records
            return _refusal(media_type, 413, f"at most {most} records in one request are kept")
        except (BodyBroken, DecodeError, ValueError):
            return _refusal(media_type, 400, "the body is not the message of this path")
        if media_type == JSON:
            return JSONResponse(to_json(answer))
        return Response(answer.SerializeToString(), media_type=PROTOBUF)


def _refusal(media_type: str, status: int, message: str) -> Response:
    if media_type == JSON:
        return JSONResponse({"message": message}, status)
    # google.rpc.Status in its wire form: field 2, a string of less than 128 bytes. Its module
    # would be one more dependency.
    text = message.encode()
    return Response(bytes([0x12, len(text)]) + text, status, media_type=PROTOBUF)

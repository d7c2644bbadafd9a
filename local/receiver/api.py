"""The JSON interface: what the pages show, for programs and tests."""

from collections.abc import Iterable
from typing import Any

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.receiver.formats import full_time
from local.receiver.otlp_json import trace_to_json
from local.receiver.queries import find_logs, find_traces, text_parameter
from local.receiver.records import Histogram, LogLine, Series
from local.receiver.store import Store
from local.receiver.traces import TraceSummary
from local.receiver.values import attributes_of, json_number
from servicekit.http_server.allowed_hosts import LOOPBACK_HOSTS, host_name_of


class Api:
    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.health),
            Route("/api/traces", self.list_traces),
            Route("/api/traces/{trace_id}", self.find_trace),
            Route("/api/metrics", self.list_metrics),
            Route("/api/logs", self.list_logs),
            Route("/api/telemetry", self.count, methods=["GET"]),
            Route("/api/telemetry", self.clear, methods=["DELETE"]),
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def list_traces(self, request: Request) -> Response:
        found = find_traces(self._store, request)
        return JSONResponse({"traces": [summary_to_json(trace.summary) for trace in found]})

    async def find_trace(self, request: Request) -> Response:
        trace = self._store.traces.get(request.path_params["trace_id"].lower())
        if trace is None:
            raise HTTPException(404, "No span of this trace is here (yet).")
        return JSONResponse(trace_to_json(trace))

    async def list_metrics(self, request: Request) -> Response:
        name, service = text_parameter(request, "name"), text_parameter(request, "service")
        wanted = (
            series
            for series in self._store.metrics.current()
            if (not name or series.instrument.name == name)
            and (not service or series.service == service)
        )
        return JSONResponse({"metrics": metrics_to_json(wanted)})

    async def list_logs(self, request: Request) -> Response:
        lines = find_logs(self._store, request)
        return JSONResponse({"logs": [log_to_json(line) for line in lines]})

    async def count(self, request: Request) -> Response:
        return JSONResponse(self._store.counts())

    async def clear(self, request: Request) -> Response:
        if host_name_of(request.scope) not in LOOPBACK_HOSTS:
            raise HTTPException(403, "Only a client on this machine may empty the store.")
        self._store.clear()
        return Response(status_code=204)


def summary_to_json(summary: TraceSummary) -> dict[str, Any]:
    return {
        "trace_id": summary.trace_id,
        "name": summary.name,
        "services": summary.services,
        "span_count": summary.span_count,
        "error_count": summary.error_count,
        "started_at": full_time(summary.started_ns),
        "duration_ms": summary.duration_ns / 1e6,
        "order_ids": summary.order_ids,
    }


def log_to_json(line: LogLine) -> dict[str, Any]:
    return {
        "time": full_time(line.time_ns),
        "service": line.service,
        "scope": line.origin.scope,
        "severity": line.severity,
        "severity_number": line.severity_number,
        "body": line.body,
        "attributes": attributes_of(LogRecord.FromString(line.raw).attributes),
        "trace_id": line.trace_id,
        "span_id": line.span_id,
    }


def metrics_to_json(found: Iterable[Series]) -> list[dict[str, Any]]:
    """One entry per name, with its series of all services."""
    entries: dict[str, dict[str, Any]] = {}
    for series in found:
        about = series.instrument
        entry = entries.setdefault(
            about.name,
            {
                "name": about.name,
                "unit": about.unit,
                "description": about.description,
                "kind": about.kind,
                "temporality": about.temporality,
                "series": [],
            },
        )
        entry["series"].append(_series_to_json(series))
    return sorted(entries.values(), key=lambda entry: str(entry["name"]))


def _series_to_json(series: Series) -> dict[str, Any]:
    value = series.value
    return {
        "service": series.service,
        "instance": series.origin.instance,
        "attributes": dict(series.attributes),
        "time": full_time(series.time_ns),
        **(
            {
                "count": value.count,
                "sum": json_number(value.total),
                "bounds": [json_number(bound) for bound in value.bounds],
                "bucket_counts": value.bucket_counts,
            }
            if isinstance(value, Histogram)
            else {"value": json_number(value)}
        ),
    }

"""Query parameters, and which traces and log lines they ask for."""

from collections.abc import Iterator
from heapq import nlargest

from starlette.exceptions import HTTPException
from starlette.requests import Request

from local.receiver.decode import SEVERITIES
from local.receiver.records import LogLine
from local.receiver.store import Store
from local.receiver.traces import Trace

MAX_ITEMS = 1000


def text_parameter(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()


def number_parameter(request: Request, name: str, default: int, most: int = MAX_ITEMS) -> int:
    """Raises HTTPException 400 for anything but a whole number; too large a one becomes `most`."""
    given = text_parameter(request, name)
    if not given:
        return default
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise HTTPException(400, f"{name} is not a whole number")
    return min(int(given), most)


def find_traces(store: Store, request: Request, default_limit: int = 100) -> list[Trace]:
    """By `service`, `q` (text), `errors` and `min_ms`; newest start first."""
    limit = number_parameter(request, "limit", default_limit)
    found = sorted(
        _matching_traces(store, request), key=lambda trace: trace.summary.started_ns, reverse=True
    )
    return found[:limit]


def _matching_traces(store: Store, request: Request) -> Iterator[Trace]:
    service, text = text_parameter(request, "service"), text_parameter(request, "q")
    errors_only = text_parameter(request, "errors") not in {"", "0"}
    least_ns = number_parameter(request, "min_ms", 0, 10**9) * 1_000_000
    for trace in store.traces:
        summary = trace.summary
        if (
            (not service or service in summary.services)
            and (not errors_only or summary.error_count)
            and summary.duration_ns >= least_ns
            and (not text or trace.mentions(text))
        ):
            yield trace


def find_logs(store: Store, request: Request, default_limit: int = 200) -> list[LogLine]:
    """By `service`, `q` (text), `trace_id` and the least `severity`; newest first, which is not
    the order of arrival: each service sends a batch of its own."""
    limit = number_parameter(request, "limit", default_limit)
    return nlargest(limit, _matching_logs(store, request), key=lambda line: line.time_ns)


def _matching_logs(store: Store, request: Request) -> Iterator[LogLine]:
    service, text = text_parameter(request, "service"), text_parameter(request, "q").lower()
    trace_id = text_parameter(request, "trace_id").lower()
    severity = text_parameter(request, "severity").upper()
    least = SEVERITIES.index(severity) * 4 + 1 if severity in SEVERITIES else 0
    needle = text.encode(errors="replace")
    for line in store.logs.newest():
        if (
            (not service or line.service == service)
            and (not trace_id or line.trace_id == trace_id)
            and line.severity_number >= least
            and (not text or text in line.body.lower() or needle in line.raw.lower())
        ):
            yield line

"""The HTML pages. They work without JavaScript; a small script renews them while it may."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from local.receiver import formats
from local.receiver.decode import SEVERITIES
from local.receiver.metric_cards import cards_of
from local.receiver.queries import find_logs, find_traces, number_parameter, text_parameter
from local.receiver.records import LogLine
from local.receiver.store import Store
from local.receiver.values import text_attributes
from local.receiver.waterfall import participants_of, rows_of, ticks_of

FOLDER = Path(__file__).parent
TRACE_ID = re.compile(r"[0-9a-f]{32}")
# Spans leave their process in batches, 5 s apart; a trace is worth renewing a little longer.
YOUNG_SECONDS = 15.0
# One page stays readable and quick to draw, whatever was sent.
MAX_SHOWN = {"attributes": 128, "events": 128, "logs": 500, "series": 1000, "services": 8}
WAIT_SECONDS, WAIT_STEP_SECONDS = 60, 2


def open_templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "clipped": formats.clipped,
        "clock_time": formats.clock_time,
        "colour": formats.colour_of,
        "duration": formats.duration,
        "full_time": formats.full_time,
        "kind": formats.kind_name,
        "bytes": formats.byte_size,
        "log_attributes": log_attributes,
        "quantity": formats.quantity,
    }
    templates.globals["most"] = MAX_SHOWN
    return templates


def log_attributes(line: LogLine) -> tuple[tuple[str, str], ...]:
    return text_attributes(LogRecord.FromString(line.raw).attributes)


class Pages:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._templates = open_templates()

    def routes(self) -> list[Route]:
        return [
            Route("/", self.list_traces),
            Route("/traces/{trace_id}", self.show_trace),
            Route("/orders/{order_id}", self.show_order),
            Route("/metrics", self.list_metrics),
            Route("/logs", self.list_logs),
        ]

    def render(self, name: str, status: int = 200, **context: Any) -> Response:
        page = self._templates.get_template(name)
        return HTMLResponse(page.render(counts=self._store.counts(), **context), status)

    async def list_traces(self, request: Request) -> Response:
        return self.render(
            "traces.html",
            section="traces",
            summaries=[trace.summary for trace in find_traces(self._store, request)],
            services=self._services(),
            query=request.query_params,
        )

    async def show_trace(self, request: Request) -> Response:
        trace_id = request.path_params["trace_id"].lower()
        trace = self._store.traces.get(trace_id)
        if trace is None:
            return self._not_arrived(
                request, f"trace {trace_id}", bool(TRACE_ID.fullmatch(trace_id))
            )
        young = self._store.clock() - trace.changed_at < YOUNG_SECONDS
        return self.render(
            "trace.html",
            section="traces",
            trace=trace,
            rows=rows_of(trace),
            ticks=ticks_of(trace),
            participants=participants_of(trace),
            logs=self._store.logs.of_trace(trace_id),
            refresh_seconds=2 if young else 0,
        )

    async def show_order(self, request: Request) -> Response:
        order_id = request.path_params["order_id"].lower()
        trace = self._store.traces.of_order(order_id)
        if trace is None:
            return self._not_arrived(request, f"order {order_id}", expected=True)
        return RedirectResponse(f"/traces/{trace.trace_id}", 303)

    def _not_arrived(self, request: Request, subject: str, expected: bool) -> Response:
        """404 that asks again by itself, with or without a script, until a minute has passed."""
        waited = number_parameter(request, "waited", 0, WAIT_SECONDS)
        waiting, here = expected and waited < WAIT_SECONDS, quote(request.scope["path"])
        return self.render(
            "not_arrived.html",
            404,
            section="traces",
            subject=formats.clipped(subject),
            next_url=f"{here}?waited={waited + WAIT_STEP_SECONDS}" if waiting else "",
            end_url=f"{here}?waited={WAIT_SECONDS}",
            step_seconds=WAIT_STEP_SECONDS,
            tries=(WAIT_SECONDS - waited) // WAIT_STEP_SECONDS,
        )

    async def list_metrics(self, request: Request) -> Response:
        text, service = text_parameter(request, "q").lower(), text_parameter(request, "service")
        wanted = [
            series
            for series in self._store.metrics.current()
            if text in series.instrument.name.lower() and service in {"", series.service}
        ]
        return self.render(
            "metrics.html",
            section="metrics",
            cards=cards_of(wanted, MAX_SHOWN["series"]),
            not_shown=max(0, len(wanted) - MAX_SHOWN["series"]),
            services=self._services(),
            query=request.query_params,
        )

    async def list_logs(self, request: Request) -> Response:
        return self.render(
            "logs.html",
            section="logs",
            logs=find_logs(self._store, request),
            services=self._services(),
            severities=SEVERITIES,
            query=request.query_params,
        )

    def _services(self) -> list[str]:
        """Every service heard of, the shop's own first in the order of a request."""
        names = {service for trace in self._store.traces for service in trace.summary.services}
        names |= {series.service for series in self._store.metrics.current()}
        names |= {line.service for line in self._store.logs.newest()}
        return sorted(names, key=lambda name: (formats.colour_of(name), name))

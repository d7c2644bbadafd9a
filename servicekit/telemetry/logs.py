"""JSON lines on stdout, each with the trace it belongs to."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

# Attributes of every LogRecord; what a call adds by `extra=` is what is left.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Set by the OpenTelemetry logging instrumentation; the line names them by itself.
_INSTRUMENTED = frozenset({"otelSpanID", "otelTraceID", "otelTraceSampled", "otelServiceName"})


class JsonFormatter(logging.Formatter):
    """One record, one line: control characters in a message cannot forge a second record."""

    def __init__(self, service_name: str) -> None:
        super().__init__()
        self._service_name = service_name

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service.name": self._service_name,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in _INSTRUMENTED:
                line.setdefault(name, value)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(service_name: str, level: str) -> None:
    """Send everything through the root logger, as JSON, to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service_name))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Their INFO is one line per start, stop or request: logged by ourselves, or noise.
    for name in ("uvicorn.error", "httpx", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)

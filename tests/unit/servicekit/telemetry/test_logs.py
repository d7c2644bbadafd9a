import json
import logging
import sys
import time

import pytest
from opentelemetry import trace

from servicekit.telemetry.logs import JsonFormatter, configure_logging


def formatted(message: str, **extra: object) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "x", **extra})
    return JsonFormatter("api-gw").format(record)


def test_a_hostile_message_stays_one_record() -> None:
    line = formatted('x\n{"level": "ERROR"}\u2028\x1b[31m')
    assert line.splitlines() == [line]
    assert json.loads(line)["level"] == "INFO"


def test_a_record_inside_a_span_names_its_trace() -> None:
    with trace.get_tracer("test").start_as_current_span("work") as span:
        line = json.loads(formatted("x"))
    assert line["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert "trace_id" not in json.loads(formatted("x"))


def test_extra_fields_and_exceptions_are_kept() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = json.loads(formatted("x", order_id="17", exc_info=sys.exc_info()))
    assert line["order_id"] == "17"
    assert "ValueError: broken" in line["exception"]


def test_a_line_says_when_in_utc_and_who(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Jakarta")
    time.tzset()
    line = json.loads(formatted("x", created=1767225600.25, level="forged"))
    monkeypatch.undo()
    time.tzset()
    assert line["time"] == "2026-01-01T00:00:00.250+00:00"
    assert (line["service.name"], line["logger"], line["level"]) == ("api-gw", "x", "INFO")


def test_everything_goes_to_stdout_once_from_the_level_on_and_libraries_are_quieter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.RootLogger(logging.WARNING)
    monkeypatch.setattr(logging, "root", root)
    monkeypatch.setattr(logging.Logger, "root", root)
    monkeypatch.setattr(logging.Logger, "manager", logging.Manager(root))
    for _ in range(2):
        configure_logging("api-gw", "INFO")
    for name in ("ours", "uvicorn.error", "httpx", "alembic"):
        for level in ("debug", "info", "warning"):
            getattr(logging.getLogger(name), level)(level)
    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("ours", "info"),
        ("ours", "warning"),
        *((name, "warning") for name in ("uvicorn.error", "httpx", "alembic")),
    ]
    assert told.err == ""

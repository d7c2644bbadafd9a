import json
import logging
import sys

from opentelemetry import trace

from servicekit.logs import JsonFormatter


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

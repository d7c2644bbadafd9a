"""The terminal's drawing of a trace."""

from typing import Any

from local.trace_tree import draw, is_complete, spans_of


def trace_of(**spans_by_service: list[dict[str, Any]]) -> dict[str, Any]:
    def resource(service: str) -> dict[str, Any]:
        name = {"key": "service.name", "value": {"stringValue": service}}
        return {"attributes": [{"key": "host", "value": {"intValue": "1"}}, name]}

    return {
        "resourceSpans": [
            {"resource": resource(service), "scopeSpans": [{"spans": spans}]}
            for service, spans in spans_by_service.items()
        ]
    }


def span(number: int, parent: int = 0, start_ms: float = 0, **fields: Any) -> dict[str, Any]:
    start = 1_790_000_000_000_000_000 + int(start_ms * 1e6)
    return {
        "spanId": f"{number:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": f"span {number}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_500_000),
        **fields,
    }


def test_children_are_drawn_below_their_parent_in_the_order_of_time() -> None:
    frontend = [span(1), span(4, 1, 5), span(6, 9, -1)]  # whose parent is not here: a root
    consumer = [span(3, 2, 3), span(5, 2, 4), span(2, 1, 2, status={"code": 2})]
    lines = draw(spans_of(trace_of(frontend=frontend, consumer=consumer))).split("\n")
    assert [line[:78].rstrip() for line in lines] == [
        "frontend  span 6",
        "frontend  span 1",
        "├─ consumer  span 2",
        "│  ├─ consumer  span 3",
        "│  └─ consumer  span 5",
        "└─ frontend  span 4",
    ]
    assert lines[2].endswith("3.0 ms  +1.5 ms  FAILED")
    assert lines[5].endswith("6.0 ms  +1.5 ms")


def test_a_trace_is_complete_once_every_parent_has_arrived() -> None:
    assert is_complete(spans_of(trace_of(a=[span(1)], b=[span(2, 1)])))
    assert not is_complete(spans_of(trace_of(a=[span(1)], b=[span(3, 2)])))


def test_what_otlp_json_leaves_out_is_empty_or_zero() -> None:
    (only,) = spans_of({"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "1"}]}]}, {}]})
    assert (only.service, only.name, only.parent_id, only.milliseconds) == ("?", "", "", 0)
    assert not only.failed
    assert draw(spans_of({})) == "(no spans)"

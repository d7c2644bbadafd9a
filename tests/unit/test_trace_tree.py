"""The terminal's drawing of a trace."""

from typing import Any

from local.trace_tree import draw, is_whole, roots_of, spans_of


def trace_of(**spans_by_service: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {
                    "attributes": [
                        {"key": "host", "value": {"intValue": "1"}},
                        {"key": "service.name", "value": {"stringValue": service}},
                    ]
                },
                "scopeSpans": [{"spans": spans}],
            }
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
    drawn = draw(
        spans_of(
            trace_of(
                frontend=[span(1), span(4, 1, 5)],
                consumer=[span(3, 2, 3), span(2, 1, 2, status={"code": 2})],
            )
        )
    )
    lines = drawn.split("\n")
    assert lines[0].startswith("frontend  span 1 ")
    assert lines[1].startswith("├─ consumer  span 2 ")
    assert lines[2].startswith("│  └─ consumer  span 3 ")
    assert lines[3].startswith("└─ frontend  span 4 ")
    assert lines[1].endswith("2.0 ms  +1.5 ms  FAILED")
    assert lines[3].endswith("5.0 ms  +1.5 ms")


def test_a_span_whose_parent_is_not_here_is_a_root() -> None:
    spans = spans_of(trace_of(frontend=[span(2, 9, 1), span(1)]))
    assert [root.name for root in roots_of(spans)] == ["span 1", "span 2"]


def test_a_trace_is_whole_once_every_parent_has_arrived() -> None:
    assert is_whole(spans_of(trace_of(a=[span(1)], b=[span(2, 1)])))
    assert not is_whole(spans_of(trace_of(a=[span(1)], b=[span(3, 2)])))


def test_what_otlp_json_leaves_out_is_empty_or_zero() -> None:
    (only,) = spans_of({"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "1"}]}]}, {}]})
    assert (only.service, only.name, only.parent_id, only.milliseconds) == ("?", "", "", 0)
    assert not only.failed


def test_an_empty_trace_is_said_to_be_empty() -> None:
    assert draw(spans_of({})) == "(no spans)"

"""The pages: nothing that was sent becomes markup, and each trace is drawn whole."""

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from contracts.telemetry import ORDER_ID
from local.receiver import waterfall
from tests.otlp import (
    PROTOBUF,
    START,
    log,
    pairs,
    receiver,
    send_logs,
    send_spans,
    span,
    span_id,
    trace_id,
    traces_of,
)


class Tags(HTMLParser):
    """Tags with their attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"


async def test_hostile_names_stay_text() -> None:
    async with receiver() as client:
        sent = span(
            1,
            name=HOSTILE,
            attributes={HOSTILE: HOSTILE, ORDER_ID: HOSTILE},
            events=[Span.Event(name=HOSTILE, attributes=pairs({HOSTILE: HOSTILE}))],
            status=Status(code=Status.STATUS_CODE_ERROR, message=HOSTILE),
        )
        body = traces_of(HOSTILE, [sent], HOSTILE)
        await client.post("/v1/traces", content=body, headers=PROTOBUF)
        record = log(HOSTILE, trace=1, number=1, attributes=pairs({HOSTILE: HOSTILE}))
        await send_logs(client, HOSTILE, record)
        pages = {
            path: (await client.get(path, params={"q": HOSTILE, "service": HOSTILE})).text
            for path in ("/", "/logs", "/metrics", f"/traces/{trace_id(1)}", "/orders/<script>")
        }
    for path, text in pages.items():
        for tag, attributes in Tags(text).found:
            assert tag != "img" or attributes["src"] == "/static/icon.svg", path
            assert tag != "script" or attributes == {"src": "/static/refresh.js", "defer": None}
            assert not any(name.startswith("on") for name in attributes), path
    assert "{{ 7 * 7 }}" in pages["/"]
    assert pages["/"].count("&lt;script&gt;") >= 3


async def rows(client: httpx.AsyncClient, trace: int = 1) -> list[tuple[str, str]]:
    """Span id and indent class of each row of the waterfall, in order."""
    tags = Tags((await client.get(f"/traces/{trace_id(trace)}")).text).found
    ids = [
        attributes["id"] or ""
        for tag, attributes in tags
        if tag == "details" and (attributes.get("id") or "").startswith("span-")
    ]
    indents = [
        (attributes["class"] or "").split()[1]
        for _, attributes in tags
        if (attributes.get("class") or "").startswith("label ")
    ]
    return [(one[-1], indent) for one, indent in zip(ids, indents, strict=True)]


async def test_the_waterfall_is_a_tree_in_the_order_of_time() -> None:
    async with receiver() as client:
        event = Span.Event(name="committed", time_unix_nano=START + 4_000_000)
        await send_spans(
            client,
            "shop",
            span(1, 4, parent=2, start_ms=3, events=[event]),
            span(1, 3, parent=1, start_ms=5),
            span(1, 2, parent=1, start_ms=1),
            span(1, 1),
            span(1, 5, parent=99, start_ms=2),  # its parent has not arrived
        )
        assert await rows(client) == [
            ("1", "i0"),
            ("2", "i1"),
            ("4", "i2"),
            ("3", "i1"),
            ("5", "i0"),
        ]
        text = (await client.get(f"/traces/{trace_id(1)}")).text
        assert text.count("parent not here") == 1
        assert "Event committed <small>after 4" in text, "of the trace, as its mark on the scale"


async def test_however_deep_a_trace_is_its_indents_have_a_style() -> None:
    style = (Path(waterfall.__file__).parent / "static/receiver.css").read_text()
    async with receiver() as client:
        chain = (span(1, number, parent=number - 1, start_ms=number) for number in range(1, 16))
        await send_spans(client, "shop", *chain)
        assert all(f".{indent} {{" in style for _, indent in (await rows(client))[1:])


@pytest.mark.parametrize(
    ("length_ms", "labels"),
    [
        (119.2, ["0", "50 ms", "100 ms"]),
        (59.6, ["0", "20 ms", "40 ms"]),
        (1000, ["0", "200 ms", "400 ms", "600 ms", "800 ms"]),
        (7300, ["0", "2 s", "4 s", "6 s"]),
        (0.0123, ["0", "5 µs", "10 µs"]),
        (0, ["0"]),
    ],
)
async def test_the_scale_is_marked_at_round_times(length_ms: float, labels: list[str]) -> None:
    async with receiver() as client:
        await send_spans(client, "shop", span(1, 1, length_ms=length_ms))
        text = (await client.get(f"/traces/{trace_id(1)}")).text
    assert re.findall(r"<text[^>]*>([^<]*)</text>", text) == labels


async def test_circles_of_parents_are_cut_open() -> None:
    async with receiver() as client:
        await send_spans(
            client,
            "shop",
            span(1, 1, parent=2, start_ms=1),
            span(1, 2, parent=3, start_ms=2),
            span(1, 3, parent=1, start_ms=3),
            span(1, 4, parent=4, start_ms=4),
        )
        found = await rows(client)
        assert sorted(number for number, _ in found) == ["1", "2", "3", "4"]
        assert found[0] == ("1", "i0")


async def test_bars_stay_inside_the_drawing() -> None:
    async with receiver() as client:
        await send_spans(
            client,
            "shop",
            span(1, 1, length_ms=10),
            span(1, 2, parent=1, start_ms=20, length_ms=-15),  # ends before it starts
            span(1, 3, parent=1, start_ms=5, length_ms=2, events=[Span.Event(time_unix_nano=1)]),
        )
        tags = Tags((await client.get(f"/traces/{trace_id(1)}")).text).found
    bars = [
        (float(str(attributes["x"])[:-1]), float(str(attributes["width"])[:-1]))
        for tag, attributes in tags
        if tag == "svg" and str(attributes.get("x", "")).endswith("%")
    ]
    assert len(bars) == 3
    assert all(0 <= left <= 100 and width >= 0 and left + width <= 100.001 for left, width in bars)


async def test_logs_are_beside_the_trace_and_point_to_their_span() -> None:
    async with receiver() as client:
        await send_spans(client, "shop", span(1, 1))
        await send_logs(
            client,
            "shop",
            log("second", ms=2, trace=1, number=1, attributes=pairs({"why": "because"})),
            log("first", ms=1, trace=1, number=1),
            log("of another trace", trace=2),
        )
        text = (await client.get(f"/traces/{trace_id(1)}")).text
    assert text.index("first") < text.index("second")
    assert f'href="#span-{span_id(1)}"' in text
    assert "because" in text
    assert "of another trace" not in text


async def test_a_page_stays_bounded_whatever_one_span_holds() -> None:
    async with receiver() as client:
        many = {f"key{number:05}": number for number in range(5000)}
        events = [Span.Event(name=f"event{number:05}") for number in range(5000)]
        await send_spans(client, "shop", span(1, attributes=many, events=events))
        text = (await client.get(f"/traces/{trace_id(1)}")).text
    assert "key00127" in text
    assert "key00128" not in text
    assert "4872 more" in text
    assert "event00128" not in text


async def test_a_long_text_is_clipped() -> None:
    async with receiver() as client:
        await send_spans(client, "shop", span(1, attributes={"text": "x" * 10_000}))
        text = (await client.get(f"/traces/{trace_id(1)}")).text
    assert "x" * 4000 in text
    assert "x" * 4001 not in text

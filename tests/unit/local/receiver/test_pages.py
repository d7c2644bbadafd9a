"""The pages: nothing that was sent becomes markup, and each trace is drawn whole."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from contracts.telemetry import ORDER_ID
from local.plan import SERVICES
from local.receiver import waterfall
from local.receiver.formats import colour_of
from tests.otlp import START, log, pairs, receiver, send, span, span_id, trace_id

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}"
TRACE = f"/traces/{trace_id(1)}"


class Tags(HTMLParser):
    """Tags with their attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))


async def page_of(*spans: Span) -> str:
    """The page of the trace that these make."""
    async with receiver() as client:
        await send(client, "shop", *spans)
        return (await client.get(TRACE)).text


async def test_hostile_names_stay_text() -> None:
    async with receiver() as client:
        sent = span(
            name=HOSTILE,
            attributes={HOSTILE: HOSTILE, ORDER_ID: HOSTILE},
            events=[Span.Event(name=HOSTILE, attributes=pairs({HOSTILE: HOSTILE}))],
            status=Status(code=Status.STATUS_CODE_ERROR, message=HOSTILE),
        )
        await send(client, HOSTILE, sent, scope=HOSTILE)
        record = log(HOSTILE, trace=1, number=1, attributes=pairs({HOSTILE: HOSTILE}))
        await send(client, HOSTILE, record)
        pages = {
            path: (await client.get(path, params={"q": HOSTILE, "service": HOSTILE})).text
            for path in ("/", "/logs", "/metrics", TRACE, "/orders/<script>")
        }
    for path, text in pages.items():
        for tag, attributes in Tags(text).found:
            assert tag != "img" or attributes["src"] == "/static/icon.svg", path
            assert tag != "script" or attributes == {"src": "/static/refresh.js", "defer": ""}, path
            assert not any(name.startswith("on") for name in attributes), path
    assert "{{ 7 * 7 }}" in pages["/"]
    assert pages["/"].count("&lt;script&gt;") >= 3


def rows_of(page: str) -> list[tuple[str, str]]:
    """The last digit of the span id and the indent class of each row of the waterfall."""
    tags = Tags(page).found
    names = [about.get("id", "") for tag, about in tags if tag == "details"]
    ids = [name[-1] for name in names if name.startswith("span-")]
    classes = [about.get("class", "").split() for _, about in tags]
    indents = [one[1] for one in classes if one[:1] == ["label"]]
    return list(zip(ids, indents, strict=True))


@pytest.mark.parametrize(
    ("spans", "rows"),
    [
        (
            # (number, parent, start)
            [(4, 2, 3), (3, 1, 5), (2, 1, 1), (1, 0, 0), (5, 99, 2)],
            [("1", "i0"), ("2", "i1"), ("4", "i2"), ("3", "i1"), ("5", "i0")],
        ),
        # Cycles of parents are cut at their earliest span.
        (
            [(1, 2, 1), (2, 3, 2), (3, 1, 3), (4, 4, 4)],
            [("1", "i0"), ("3", "i1"), ("2", "i2"), ("4", "i0")],
        ),
    ],
)
async def test_the_waterfall_is_a_tree_in_the_order_of_time(
    spans: list[tuple[int, int, int]], rows: list[tuple[str, str]]
) -> None:
    page = await page_of(*(span(1, n, parent=parent, start_ms=ms) for n, parent, ms in spans))
    assert rows_of(page) == rows
    assert page.count("parent not here") == sum(parent == 99 for _, parent, _ in spans)


async def test_however_deep_a_trace_is_its_indents_have_a_style() -> None:
    style = (Path(waterfall.__file__).parent / "static/receiver.css").read_text()
    page = await page_of(*(span(1, n, parent=n - 1, start_ms=n) for n in range(1, 16)))
    assert all(f".{indent} {{" in style for _, indent in rows_of(page)[1:])
    assert all(f".c{colour_of(name)} " in style for name in (*SERVICES, "another", "a third"))


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
    page = await page_of(span(length_ms=length_ms))
    assert re.findall(r"<text[^>]*>([^<]*)</text>", page) == labels


async def test_bars_and_marks_have_their_place_inside_the_drawing() -> None:
    times = (1, START + 4_000_000, START + 900_000_000)  # before, within and after the trace
    events = [Span.Event(name="committed", time_unix_nano=time) for time in times]
    page = await page_of(
        span(1, 1, length_ms=10),
        span(1, 2, parent=1, start_ms=20, length_ms=-15),  # ends before it starts
        span(1, 3, parent=1, start_ms=5, length_ms=2, events=events),
        span(1, 4, parent=1, start_ms=15, length_ms=5),
    )
    tags = Tags(page).found
    bars = [
        (about["x"], about["width"])
        for tag, about in tags
        if tag == "svg" and about.get("x", "").endswith("%")
    ]
    # In the order of their start, in percent of 20 ms.
    assert bars == [("0.0%", "50.0%"), ("25.0%", "10.0%"), ("75.0%", "25.0%"), ("100.0%", "0.0%")]
    assert [about["cx"] for tag, about in tags if tag == "circle"] == ["0.0%", "20.0%", "100.0%"]
    assert "Event committed <small>after 4" in page


async def test_logs_links_and_resources_are_beside_the_trace() -> None:
    link = Span.Link(trace_id=bytes.fromhex(trace_id(9)), span_id=bytes.fromhex(span_id(7)))
    async with receiver() as client:
        await send(client, "shop", span(1, 1, links=[link]))
        await send(
            client,
            "shop",
            log("second", ms=2, trace=1, number=1, attributes=pairs({"why": "because"})),
            log("first", ms=1, trace=1, number=1),
            log("of another trace", trace=2),
        )
        text = (await client.get(TRACE)).text
    assert text.index("first") < text.index("second")
    assert f'href="#span-{span_id(1)}"' in text
    assert f'href="/traces/{trace_id(9)}#span-{span_id(7)}"' in text
    assert "because" in text
    assert "of another trace" not in text
    assert "<dt>service.name</dt><dd>shop</dd>" in text


async def test_a_page_stays_bounded_whatever_one_span_holds() -> None:
    many = {f"key{number:05}": number for number in range(5000)}
    events = [Span.Event(name=f"event{number:05}") for number in range(5000)]
    text = await page_of(span(attributes={**many, "a": "x" * 10_000}, events=events))
    assert "key00126" in text
    assert "key00127" not in text
    assert "4873 more" in text
    assert "event00127" in text
    assert "event00128" not in text
    assert "x" * 4000 in text
    assert "x" * 4001 not in text

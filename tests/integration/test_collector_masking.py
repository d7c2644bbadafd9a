"""What the collector hides in what the real SDK sends, and what it must leave as it was."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

from tests.collector_senders import sending_logs, sending_spans, spans_of, trace_id_of
from tests.collectors import Pipeline, running_pipeline
from tests.telemetry_stores import eventually

CARDS = (
    *("4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4222222222222"),
    *("5555 5555 5555 4444", "378282246310005", "3782 822463 10005", "3056-930902-5904"),
    *("6304000000000000000", "6304 0000 0000 0000 000", "4222 2222 2222 2"),
)
# By what stands in a text, what is stored of it.
MASKED: Mapping[str, str] = {
    **{f"card {card} refused": "card **** refused" for card in CARDS},
    "card=4111111111111111.": "card=****.",
    "cards 4111111111111111 5555555555554444": "cards **** ****",
    "mail to kanari+shop@example.co.id failed": "mail to **** failed",
    "GET /api/orders?email=kanari%40example.com": "GET /api/orders?email=****",
    "header Authorization: Bearer abcdefgh.ijkl": "header Authorization: ****",
}
KEPT = (
    # The id of a stream entry, and times in seconds, milliseconds, microseconds and nanoseconds.
    *("entry 1795536127009-0", "at 1795536127.3512345", "at 1795536127009", "2026-11-28T07:36:01Z"),
    *("at 1795536127009123", "at 1795536127009123456", "took 0.3512345678901234 s"),
    *("Rp 4.850.000", "total_idr=485000000000", "stock 3000 4000 5000"),
    # Ids of traces, spans and orders, also without a letter.
    *("trace 41111111111111114111111111111111", "trace 0af7651916cd43dd8448eb211c80319c"),
    *("span b7ad6b7169203331", "order 44444444-4444-5444-8444-444444444444"),
    "order 41111111-1111-5111-8111-111111111111",
)
EXPECTED = {**MASKED, **{text: text for text in KEPT}}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("telemetry")) as running:
        yield running


def test_messages_and_attributes_of_log_lines(pipeline: Pipeline) -> None:
    with sending_logs(pipeline) as logger:
        for number, text in enumerate(EXPECTED):
            logger.warning("masked %s", text, extra={"number": number, "note": text})
        logger.warning("by type", extra={"customer.name": "Kanari", "a": 4111111111111111, "b": 3})
    lines = eventually(
        lambda: (
            found if len(found := pipeline.logs.query('_msg:~"^masked "')) >= len(EXPECTED) else []
        )
    )
    texts = list(EXPECTED)
    stored = {texts[int(line["number"])]: line["_msg"].removeprefix("masked ") for line in lines}
    assert stored == EXPECTED
    assert {texts[int(line["number"])]: line["note"] for line in lines} == EXPECTED
    assert {line["severity_text"] for line in lines} == {"WARN"}
    line = pipeline.line('_msg:="by type"')
    assert (line["customer.name"], line["a"], line["b"]) == ("****", "****", "3")


def test_attributes_exceptions_and_the_status_of_spans(pipeline: Pipeline) -> None:
    private = "kanari@example.com 4111111111111111"
    attributes = {
        "customer.address": "Jl. Kanari 1",
        "url.query": f"q={private}",
        "client.address": "10.1.2.3",
    }
    with (
        sending_spans(pipeline) as tracer,
        suppress(ValueError),
        tracer.start_as_current_span("work", attributes=attributes) as span,
    ):
        raise ValueError(private)
    text = eventually(lambda: spans_of(pipeline, trace_id_of(span)))
    assert "anari" not in text
    assert "4111" not in text
    assert '"10.1.2.0"' in text
    # The traceback's last line and the status say the same.
    assert text.count("ValueError: **** ****") == 2, text
    assert "otel.status_description" not in text

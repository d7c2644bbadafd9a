"""Whatever is sent, the receiver answers with a documented status and its pages stay up."""

from typing import Any
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from local.receiver.app import create_app
from tests.otlp import PROTOBUF, export_of, gauge, histogram, log, pairs, receiver, span, trace_id

PAGES = (
    *("/", "/metrics", "/logs", "/api/traces", "/api/metrics", "/api/logs", "/api/telemetry"),
    *(f"/traces/{trace_id(1)}", f"/api/traces/{trace_id(1)}"),
)
# Valid messages, so that a changed byte reaches deep into the decoding.
BUCKETS: dict[str, Any] = {"count": 3, "bucket_counts": [1, 1, 1], "explicit_bounds": [1, 3]}
VALID = (
    export_of("shop", span(1, 1, attributes={"a": 1.5}, events=[], links=[]), span(1, 2)),
    export_of("shop", gauge("arloji.gauge", 2.5, unit="s"), histogram("h", **BUCKETS)),
    export_of("shop", log("hello", trace=1, number=1, attributes=pairs({"a": True}))),
)
TEXT = st.text(max_size=20)
QUERY = st.dictionaries(
    st.sampled_from(["q", "service", "limit", "min_ms", "errors", "severity", "trace_id"]), TEXT
)
# One for all examples: its templates are compiled once.
APP = create_app()


@given(st.data(), QUERY)
async def test_neither_a_damaged_message_nor_a_query_ever_breaks_it(
    data: st.DataObject, query: dict[str, str]
) -> None:
    async with receiver(APP) as client:
        await client.delete("/api/telemetry")
        for path, valid in VALID:
            body = bytearray(valid)
            for _ in range(data.draw(st.integers(0, 4))):
                body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
            answer = await client.post(path, content=bytes(body), headers=PROTOBUF)
            assert answer.status_code in {200, 400}
        for path in PAGES:
            assert (await client.get(path)).status_code in {200, 404}, path
            assert (await client.get(path, params=query)).status_code in {200, 400, 404}, path


@given(st.sampled_from(["/traces/", "/orders/", "/api/traces/", "/static/", "/"]), TEXT)
async def test_no_path_breaks_it(prefix: str, rest: str) -> None:
    async with receiver(APP) as client:
        answer = await client.get(prefix + quote(rest))
        assert answer.status_code in {200, 307, 404, 405}
        # without its last slash, never elsewhere
        own = "http://127.0.0.1:4318"
        assert answer.headers.get("location", own).startswith(own)

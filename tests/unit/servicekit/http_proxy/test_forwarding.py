"""What of a request, and of an answer, is for the next hop."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from servicekit.http_proxy.forwarding import ForwardingApp, encoded_query
from servicekit.http_proxy.headers import answer_headers, end_to_end_headers
from servicekit.problems import NotFound
from tests.hostile_paths import BENT_PATHS


def scope_of(*headers: tuple[bytes, bytes], **more: object) -> Scope:
    return {"type": "http", "http_version": "1.1", "headers": list(headers), **more}


@pytest.mark.parametrize(
    "connection",
    [[b"accept, close"], [b"close,ACCEPT"], [b" accept "], [b",,accept,"], [b"close", b"accept"]],
)
def test_what_connection_names_stays_on_this_hop(connection: list[bytes]) -> None:
    fields = [(b"connection", value) for value in connection]
    scope = scope_of((b"accept", b"a/b"), *fields, (b"prefer", b"x"))
    assert end_to_end_headers(scope, via=b"here") == [(b"prefer", b"x"), (b"via", b"1.1 here")]


def test_repeated_fields_stay_repeated() -> None:
    scope = scope_of((b"idempotency-key", b"a"), (b"idempotency-key", b"b"))
    sent = end_to_end_headers(scope, via=b"here")
    assert [value for name, value in sent if name == b"idempotency-key"] == [b"a", b"b"]


@given(st.binary(max_size=40))
def test_a_value_stays_as_it_is(value: bytes) -> None:
    """A key that is not printable ASCII must still look so where it is judged."""
    scope = scope_of((b"idempotency-key", value))
    assert (b"idempotency-key", value) in end_to_end_headers(scope, via=b"here")


def test_an_answers_fields_of_one_hop_end_here() -> None:
    assert answer_headers(
        [
            *((b"connection", b"X-Hop"), (b"x-hop", b"1"), (b"transfer-encoding", b"chunked")),
            *((b"etag", b'"1"'), (b"content-length", b"3"), (b"set-cookie", b"a=b")),
        ]
    ) == [(b"etag", b'"1"')]


@given(st.binary(min_size=1, max_size=60))
def test_a_query_is_passed_on_and_stays_a_query(query: bytes) -> None:
    sent = encoded_query({"query_string": query})
    assert sent.isascii()
    assert not any(character in sent for character in '\r\n\0# \t"<>\\')
    assert urlsplit(f"/x{sent}").path == "/x"


@pytest.mark.parametrize(
    "query", [b"", b"q=jam%20selam&brand=a+b", b"ids=1,2,3", b"sort=-price&q=%00"]
)
def test_an_encoded_query_is_not_encoded_again(query: bytes) -> None:
    assert encoded_query({"query_string": query}) == ("?" if query else "") + query.decode()


@pytest.mark.parametrize("path", BENT_PATHS)
async def test_a_path_that_is_not_plain_is_not_passed_on(path: str) -> None:
    def nobody(_scope: Scope) -> object:
        raise AssertionError("passed on")

    app = ForwardingApp("/api", upstream_of=nobody, own_headers=lambda _: [], via=b"test")  # type: ignore[arg-type]
    scope = scope_of(raw_path=path.encode("latin-1"), method="GET", query_string=b"")
    with pytest.raises(NotFound):
        await app(scope, nobody, nobody)  # type: ignore[arg-type]

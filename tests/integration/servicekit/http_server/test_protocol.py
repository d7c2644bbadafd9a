"""What the server answers to bytes that are no proper request, on a real connection."""

import json
from collections.abc import Iterator

import pytest

from servicekit.http_server.connection import Limits
from tests.malformed_requests import CHUNKED, HOST, MALFORMED
from tests.sample_process import Client, SampleProcess, sample_process
from tests.waiting import eventually

LIMIT, AHEAD = Limits().max_header_bytes, Limits().max_pipelined_requests
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\n"
# After it the connection ends, so that a test can read until then.
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
IGNORED_BODY = b"POST /ignore-body HTTP/1.1\r\nHost: test\r\n%bContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProcess]:
    with sample_process(tmp_path_factory.mktemp("sample")) as process:
        yield process


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProcess]:
    """Every limit of time is half a second."""
    names = ("header_timeout_seconds", "max_connection_age_seconds", "lingering_close_seconds")
    folder = tmp_path_factory.mktemp("impatient")
    with sample_process(folder, **dict.fromkeys(names, 0.5)) as process:
        yield process


@pytest.fixture
def client(sample: SampleProcess) -> Iterator[Client]:
    with sample.connect() as connection:
        yield connection


def get(*headers: bytes, path: bytes = b"/echo") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path, b"".join(headers))


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /echo HTTP/1.1\r\n%b\r\n%b" % (b"".join(headers), body)


def chunks(body: bytes) -> bytes:
    return post(HOST, CHUNKED, body=body)


def sleep(seconds: float) -> bytes:
    return get(HOST, path=b"/sleep?seconds=%.1f" % seconds)


# As well as `MALFORMED`, each refused with 400 as the last answer of the connection.
REFUSED = {
    "codings in two fields": post(HOST, b"Transfer-Encoding: gzip\r\n", CHUNKED, body=b"0\r\n\r\n"),
    "offer with a body": post(HOST, OFFER % b"h2c", b"Content-Length: 4\r\n", body=b"abcd"),
    "offer with chunks": post(HOST, OFFER % b"websocket", CHUNKED, body=b"0\r\n\r\n"),
}
# What else is odd, and the status of each answer on the connection; then comes LAST, with 404.
ODD = [
    (get(HOST), [200]),
    (b"\r\n\r\n" + get(HOST), [200]),
    (get(b"Host: [::1]:8080\r\n"), [200]),
    (get(b"Host:\r\n"), [200]),
    *((get(HOST, path=path), [404]) for path in (b"//other/echo", b"/%00", b"/%ff%0d%0a%zz%")),
    *((get(HOST, b"X: %b\r\n" % text), [200]) for text in (b"caf\xe9", b"caf\xc3\xa9\\")),
    (get(HOST, path=b"/../../etc/passwd"), [404]),
    (b"PROPFIND /echo HTTP/1.1\r\nHost: test\r\n\r\n", [405]),
    (get(HOST, b"Content-Length: 4\r\n") + b"abcd", [200]),
    (post(HOST, b"Transfer-Encoding: CHUNKED \r\n", body=b"0\r\n\r\n"), [200]),
    (chunks(b"1;a=b\r\na\r\n0\r\n\r\n"), [200]),
    # Another protocol, not offered to this hop, or without a body.
    (get(HOST, b"Upgrade: h2c\r\n"), [200]),
    (get(HOST, OFFER % b"h2c") + get(HOST, OFFER % b"websocket"), [200, 200]),
    (post(HOST, OFFER % b"h2c", b"Content-Length: 0\r\n"), [200]),
]
# As before, but the last of these answers ends the connection.
ENDED = [
    (b"GET /echo HTTP/1.0\r\n\r\n", [200]),
    (get(HOST) + get(HOST, b"X: " + b"a" * LIMIT + b"\r\n"), [200, 431]),
    (b"\r\n" * LIMIT, [431]),
    (chunks(b"1\r\na\r\n0\r\nX: " + b"a" * 4 * LIMIT), [431]),
    (chunks(b"1\r\na\r\n1;" + b"a" * 4 * LIMIT), [431]),
    # A refusal waits for the answers before.
    (sleep(0.2) + get(HOST) + b"nonsense\r\n\r\n", [200, 200, 400]),
    (sleep(0.2) + chunks(b"nonsense\r\n"), [200, 400]),
    (sleep(0.3) + get(HOST) * (AHEAD + 1), [200] * (AHEAD + 1) + [429]),
]
CASES = [
    *(pytest.param(sent, [400], id=name) for name, sent in {**MALFORMED, **REFUSED}.items()),
    *((sent, [*statuses, 404]) for sent, statuses in ODD),
    *ENDED,
]


@pytest.mark.parametrize(("sent", "statuses"), CASES, ids=lambda value: f"{value!r:.80}")
def test_what_is_clear_is_answered_and_the_rest_refused_for_good(
    client: Client, sent: bytes, statuses: list[int]
) -> None:
    client.send(sent + LAST)
    answers = client.read_all()
    assert [answer.status for answer in answers] == statuses
    assert answers[-1].headers["connection"] == "close"


def test_nothing_of_a_client_is_believed_or_told(client: Client) -> None:
    client.send(get(HOST, b"X-Forwarded-For: 10.1.1.1\r\n", b"X-Forwarded-Proto: https\r\n"))
    answer = client.read()
    assert answer.json["client"] == "127.0.0.1"
    assert answer.json["url"].startswith("http:")
    assert "server" not in answer.headers
    assert answer.headers["date"].endswith("GMT")


def test_requests_sent_ahead_have_traces_of_their_own(client: Client) -> None:
    client.send(get(HOST) * 3)
    traces = {client.read().headers["traceresponse"].split("-")[1] for _ in range(3)}
    assert len(traces) == 3


def test_a_refusal_is_a_problem_with_a_trace_that_the_log_knows(
    sample: SampleProcess, client: Client
) -> None:
    client.send(get(path=b"/echo?email=a@b.example"))
    answer = client.read()
    problem = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail", "instance", "trace_id"}
    assert (problem["status"], problem["instance"]) == (400, "/echo")
    assert problem["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    eventually(
        lambda: [line.get("trace_id") for line in sample.logged],
        lambda ids: problem["trace_id"] in ids,
    )
    assert "a@b.example" not in json.dumps(sample.logged)


def test_a_trailer_never_becomes_a_header(client: Client) -> None:
    client.send(chunks(b"1\r\na\r\n0\r\nX-Arloji-Guest: somebody\r\n\r\n"))
    names = [name for name, _ in client.read().json["headers"]]
    assert names == ["host", "transfer-encoding"]


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
def test_headers_may_fill_the_limit_and_not_a_byte_more(
    client: Client, more: int, status: int
) -> None:
    size = LIMIT - len(get(HOST, b"X: \r\n")) + more
    client.send(get(HOST, b"X: " + b"a" * size + b"\r\n"))
    assert client.read().status == status


@pytest.mark.parametrize("pieces", [1, 50])
@pytest.mark.parametrize(
    "headers", [b"X: " + b"a" * LIMIT, b"X: a\r\n" * (LIMIT // 6), b""], ids=["one", "many", "none"]
)
def test_larger_headers_are_refused_before_they_are_whole(
    client: Client, headers: bytes, pieces: int
) -> None:
    path = b"/echo" if headers else b"/" + b"a" * LIMIT
    data = b"GET %b HTTP/1.1\r\nHost: test\r\n%b" % (path, headers)
    step = -(-len(data) // pieces)
    client.send(*(data[start : start + step] for start in range(0, len(data), step)))
    (answer,) = client.read_all()
    assert answer.status == 431
    assert answer.json["type"] == "urn:arloji:problem:headers-too-large"


def test_a_body_in_the_smallest_chunks_is_read(client: Client) -> None:
    client.send(chunks(b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"))
    assert client.read().json["body"] == "a" * 20_000


def test_a_broken_body_after_its_answer_ends_the_connection(client: Client) -> None:
    client.send(b"POST /ignore-body HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n")
    assert client.read().status == 200
    client.send(b"nonsense\r\n")
    assert client.is_closed()


def test_an_early_answer_is_not_lost_although_the_body_still_comes(client: Client) -> None:
    client.send(IGNORED_BODY % (b"Connection: close\r\n", 10_000_000), *[b"a" * 100_000] * 20)
    assert [answer.status for answer in client.read_all()] == [200]


def test_an_answer_in_place_of_continue_is_the_last(client: Client) -> None:
    client.send(IGNORED_BODY % (b"Expect: 100-continue\r\n", 4))
    assert client.read().headers["connection"] == "close"
    assert client.is_closed()


def test_a_client_that_leaves_before_its_body_is_whole_is_no_error(sample: SampleProcess) -> None:
    with sample.connect() as client:
        client.send(post(HOST, b"Content-Length: 4\r\n", body=b"ab"))
    sample.until_logged("the client left before its request was whole")
    assert [line for line in sample.logged if line["level"] == "ERROR"] == []


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", False),
        *((half, False) for half in (b"G", b"GET /echo HTTP/1.1\r\nHost: te", b"\r\n")),
        *((get(HOST) + half, True) for half in (b"G", b"GET /echo HT")),
        # The rest of a body that was answered already.
        (IGNORED_BODY % (b"", 9), True),
    ],
)
def test_what_never_ends_is_closed(impatient: SampleProcess, sent: bytes, answered: bool) -> None:
    with impatient.connect() as client:
        client.send(sent)
        if answered:
            assert client.read().status == 200
        assert client.is_closed()


def test_a_half_head_on_a_used_connection_is_closed(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        assert client.ask("/echo").status == 200
        client.send(b"G")
        assert client.is_closed()


def test_a_client_that_stays_after_the_last_answer_is_cut_off(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        client.send(IGNORED_BODY % (b"", 9))
        assert client.read().status == 200
        assert client.is_closed()

        def is_cut() -> bool:
            try:
                client.send(b"a")
            except OSError:
                return True
            return False

        eventually(is_cut)


def test_an_old_connection_ends_with_its_next_answer(
    impatient: SampleProcess, client: Client
) -> None:
    assert "connection" not in client.ask("/echo").headers
    with impatient.connect() as old:
        eventually(lambda: old.ask("/echo").headers.get("connection"), lambda said: said == "close")
        assert old.is_closed()

"""What the server does with bytes that are no proper request, told by a real connection."""

import json
from collections.abc import Iterator

import pytest

from servicekit.http_server.connection import Limits
from tests.sample_process import Client, SampleProcess, sample_process, until

LIMIT = Limits().max_header_bytes
HOST = b"Host: test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# After it the connection ends, so that a test can read until then.
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProcess]:
    with sample_process(tmp_path_factory.mktemp("sample")) as process:
        yield process


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProcess]:
    """Waits half a second for a head and for who stays after the last answer, and lets
    connections grow half a second old."""
    folder = tmp_path_factory.mktemp("impatient")
    limits = dict.fromkeys(
        ("header_timeout_seconds", "max_connection_age_seconds", "lingering_close_seconds"), 0.5
    )
    with sample_process(folder, **limits) as process:
        yield process


@pytest.fixture
def client(sample: SampleProcess) -> Iterator[Client]:
    with sample.connect() as connection:
        yield connection


def get(*headers: bytes, path: bytes = b"/echo") -> bytes:
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path, b"".join(headers))


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return b"POST /echo HTTP/%b\r\n%b\r\n%b" % (version, b"".join(headers), body)


def chunks(body: bytes) -> bytes:
    return post(HOST, CHUNKED, body=body)


REFUSED = {
    "no host": get(),
    "two hosts": get(HOST, HOST),
    "two hosts in http/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "host with a path": get(b"Host: test/login?\r\n"),
    "host with userinfo": get(b"Host: a@b\r\n"),
    "length and chunked": post(HOST, b"Content-Length: 4\r\n", CHUNKED, body=b"0\r\n\r\n"),
    "chunked and length": post(HOST, CHUNKED, b"Content-Length: 4\r\n", body=b"0\r\n\r\n"),
    "two equal lengths": post(HOST, b"Content-Length: 0\r\n" * 2),
    "two lengths": post(HOST, b"Content-Length: 1\r\nContent-Length: 0\r\n"),
    "list of lengths": post(HOST, b"Content-Length: 0, 0\r\n"),
    "signed length": post(HOST, b"Content-Length: +0\r\n"),
    "negative length": post(HOST, b"Content-Length: -1\r\n"),
    "hexadecimal length": post(HOST, b"Content-Length: 0x0\r\n"),
    "empty length": post(HOST, b"Content-Length:\r\n"),
    "length beyond 64 bits": post(HOST, b"Content-Length: 18446744073709551616\r\n"),
    "other coding": post(HOST, b"Transfer-Encoding: gzip\r\n"),
    "coding before chunked": post(HOST, b"Transfer-Encoding: gzip, chunked\r\n", body=b"0\r\n\r\n"),
    "coding after chunked": post(HOST, b"Transfer-Encoding: chunked, gzip\r\n", body=b"0\r\n\r\n"),
    "chunked twice": post(HOST, CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "identity": post(HOST, b"Transfer-Encoding: identity\r\n"),
    "almost chunked": post(HOST, b"Transfer-Encoding: xchunked\r\n", body=b"0\r\n\r\n"),
    "chunked after a tab": post(HOST, b"Transfer-Encoding: \x0bchunked\r\n", body=b"0\r\n\r\n"),
    "coding without a body": get(HOST, b"Transfer-Encoding: gzip\r\n"),
    "chunked in http/1.0": post(HOST, CHUNKED, body=b"0\r\n\r\n", version=b"1.0"),
    "space before the colon": post(HOST, b"Content-Length : 0\r\n"),
    "folded header": get(HOST, b"X-Fold: a\r\n b\r\n"),
    "folded coding": post(HOST, b"Transfer-Encoding:\r\n chunked\r\n", body=b"0\r\n\r\n"),
    "space before the first header": get(b" X: a\r\n", HOST),
    "lines end in LF": b"GET /echo HTTP/1.1\nHost: test\n\n",
    "one line ends in LF": get(b"Host: test\nX: a\r\n"),
    "CR within a line": get(b"Host: test\rX: a\r\n"),
    "head ends in LF": b"GET /echo HTTP/1.1\r\nHost: test\r\n\n",
    "NUL in a value": get(HOST, b"X: a\0b\r\n"),
    "NUL in a name": get(HOST, b"X\0: a\r\n"),
    "no name": get(HOST, b": a\r\n"),
    "no colon": get(HOST, b"X\r\n"),
    "bytes that are no text": get(HOST, b"User-Agent: \xff\\x\r\n"),
    "byte beyond ASCII in the path": get(HOST, path=b"/\xff"),
    "byte beyond ASCII in the query": get(HOST, path=b"/?\xc3\xa9"),
    "NUL in the path": get(HOST, path=b"/\0"),
    "space in the path": get(HOST, path=b"/a b"),
    "path without a slash": get(HOST, path=b"echo"),
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
    "tunnel": b"CONNECT test:443 HTTP/1.1\r\nHost: test:443\r\n\r\n",
    "tunnel to a path": b"CONNECT / HTTP/1.1\r\nHost: test\r\n\r\n",
    "target with a host": get(HOST, path=b"http://test/echo"),
    "other scheme": get(HOST, path=b"ftp://test/"),
    "user in the target": get(HOST, path=b"http://a:b@test/"),
    "impossible port": get(HOST, path=b"http://test:99999/"),
    "http/0.9": b"GET /echo\r\n\r\n",
    "http/2.0": b"GET /echo HTTP/2.0\r\nHost: test\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"SMUGGLE /echo HTTP/1.1\r\nHost: test\r\n\r\n",
    "negative chunk": chunks(b"-1\r\n\r\n"),
    "prefixed chunk size": chunks(b"0x1\r\na\r\n0\r\n\r\n"),
    "chunk beyond 64 bits": chunks(b"f" * 17 + b"\r\na\r\n0\r\n\r\n"),
    "no chunk size": chunks(b"\r\na\r\n0\r\n\r\n"),
    "space after a chunk size": chunks(b"1 \r\na\r\n0\r\n\r\n"),
    "chunk size ends in LF": chunks(b"1\na\r\n0\r\n\r\n"),
    "chunk extension ends in LF": chunks(b"1;x\na\r\n0\r\n\r\n"),
    "chunk longer than its size": chunks(b"1\r\nab\r\n0\r\n\r\n"),
    "chunk without its end": chunks(b"1\r\na0\r\n\r\n"),
    "length as a trailer": chunks(b"0\r\nContent-Length: 5\r\n\r\n"),
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
def test_a_request_of_doubtful_meaning_is_refused_and_ends_the_connection(
    client: Client, request_bytes: bytes
) -> None:
    client.send(request_bytes + LAST)
    answers = client.read_all()
    assert [answer.status for answer in answers] == [400]
    assert answers[0].headers["connection"] == "close"


ACCEPTED = {
    "plain": (get(HOST), 200),
    "empty lines first": (b"\r\n\r\n" + get(HOST), 200),
    "host with a port": (get(b"Host: [::1]:8080\r\n"), 200),
    "empty host": (get(b"Host:\r\n"), 200),
    "two slashes": (get(HOST, path=b"//other/echo"), 404),
    "encoded NUL": (get(HOST, path=b"/%00"), 404),
    "encoded garbage": (get(HOST, path=b"/%ff%fe%0d%0a%zz%"), 404),
    "climbing": (get(HOST, path=b"/../../etc/passwd"), 404),
    "Latin-1 value": (get(HOST, b"User-Agent: caf\xe9\r\n"), 200),
    "method of another protocol": (b"PROPFIND /echo HTTP/1.1\r\nHost: test\r\n\r\n", 405),
    "body of a GET": (get(HOST, b"Content-Length: 4\r\n") + b"abcd", 200),
    "chunked in capitals": (post(HOST, b"Transfer-Encoding: CHUNKED \r\n", body=b"0\r\n\r\n"), 200),
    "chunk extension": (chunks(b"1;a=b\r\na\r\n0\r\n\r\n"), 200),
    "upgrade not asked of this hop": (get(HOST, b"Upgrade: h2c\r\n"), 200),
}


@pytest.mark.parametrize(("request_bytes", "status"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_an_odd_but_clear_request_is_answered_and_the_connection_goes_on(
    client: Client, request_bytes: bytes, status: int
) -> None:
    client.send(request_bytes + LAST)
    assert [answer.status for answer in client.read_all()] == [status, 404]


def test_who_asks_is_not_a_matter_of_headers(client: Client) -> None:
    client.send(get(HOST, b"X-Forwarded-For: 10.1.1.1\r\n", b"X-Forwarded-Proto: https\r\n"))
    answer = client.read()
    assert answer.json["client"] == "127.0.0.1"
    assert answer.json["url"].startswith("http:")
    assert "server" not in answer.headers


def test_requests_sent_ahead_have_traces_of_their_own(client: Client) -> None:
    client.send(get(HOST) * 3)
    traces = {client.read().headers["traceresponse"].split("-")[1] for _ in range(3)}
    assert len(traces) == 3


def test_http_1_0_needs_no_host(client: Client) -> None:
    client.send(b"GET /echo HTTP/1.0\r\n\r\n")
    assert [answer.status for answer in client.read_all()] == [200]


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
    until(lambda: problem["trace_id"] in [line.get("trace_id") for line in sample.log], "log line")
    assert "a@b.example" not in json.dumps(sample.log)


@pytest.mark.parametrize("offer", [b"h2c", b"websocket"])
def test_an_offer_of_another_protocol_is_ignored_and_its_body_read(
    client: Client, offer: bytes
) -> None:
    headers = (b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\n" % offer, HOST)
    client.send(get(*headers) * 2 + post(*headers, b"Content-Length: 0\r\n") + LAST)
    assert [answer.status for answer in client.read_all()] == [200, 200, 200, 404]


def test_a_trailer_never_becomes_a_header(client: Client) -> None:
    client.send(chunks(b"1\r\na\r\n0\r\nX-Arloji-Guest: somebody\r\n\r\n"))
    names = [name for name, _ in client.read().json["headers"]]
    assert names == ["host", "transfer-encoding"]


def test_headers_may_fill_the_limit_and_not_a_byte_more(sample: SampleProcess) -> None:
    exact = LIMIT - len(get(HOST, b"X: \r\n"))
    for size, status in ((exact, 200), (exact + 1, 431)):
        with sample.connect() as client:
            client.send(get(HOST, b"X: " + b"a" * size + b"\r\n"))
            assert client.read().status == status


TOO_LARGE = {
    "one header": b"X: " + b"a" * LIMIT,
    "many headers": b"X: a\r\n" * (LIMIT // 6),
    "target": b"",
}


@pytest.mark.parametrize("headers", TOO_LARGE.values(), ids=TOO_LARGE.keys())
@pytest.mark.parametrize("pieces", [1, 50])
def test_larger_headers_are_refused_before_they_are_whole(
    client: Client, headers: bytes, pieces: int
) -> None:
    path = b"/echo" if headers else b"/" + b"a" * LIMIT
    data = b"GET %b HTTP/1.1\r\nHost: test\r\n%b" % (path, headers)
    step = -(-len(data) // pieces)
    client.send(*(data[start : start + step] for start in range(0, len(data), step)))
    answers = client.read_all()
    assert [answer.status for answer in answers] == [431]
    assert answers[0].json["type"] == "urn:arloji:problem:headers-too-large"


def test_large_headers_behind_another_request_are_refused_too(client: Client) -> None:
    client.send(get(HOST) + get(HOST, b"X: " + b"a" * LIMIT + b"\r\n") + LAST)
    assert [answer.status for answer in client.read_all()] == [200, 431]


def test_empty_lines_are_headers_as_well(client: Client) -> None:
    client.send(b"\r\n" * LIMIT)
    assert [answer.status for answer in client.read_all()] == [431]


@pytest.mark.parametrize("endless", [b"0\r\nX: " + b"a" * 4 * LIMIT, b"1;" + b"a" * 4 * LIMIT])
def test_what_surrounds_a_chunked_body_is_bounded(client: Client, endless: bytes) -> None:
    client.send(chunks(b"1\r\na\r\n" + endless))
    assert [answer.status for answer in client.read_all()] == [431]


def test_a_body_in_the_smallest_chunks_is_read(client: Client) -> None:
    client.send(chunks(b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"))
    assert client.read().json["body"] == "a" * 20_000


def test_a_refusal_waits_for_the_answers_before_it(client: Client) -> None:
    client.send(get(HOST, path=b"/sleep?seconds=0.2") + get(HOST) + b"nonsense\r\n\r\n")
    answers = client.read_all()
    assert [answer.status for answer in answers] == [200, 200, 400]
    assert answers[0].json == {"slept": 0.2}


def test_a_broken_body_of_a_waiting_request_spares_the_one_before(client: Client) -> None:
    client.send(get(HOST, path=b"/sleep?seconds=0.2") + chunks(b"nonsense\r\n") + LAST)
    assert [answer.status for answer in client.read_all()] == [200, 400]


def test_a_broken_body_after_its_answer_ends_the_connection(client: Client) -> None:
    client.send(b"POST /ignore-body HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n")
    assert client.read().status == 200
    client.send(b"nonsense\r\n")
    assert client.is_closed()


def test_no_more_than_some_requests_may_wait(client: Client) -> None:
    limit = Limits().max_pipelined_requests
    client.send(get(HOST, path=b"/sleep?seconds=0.3") + get(HOST) * (limit + 1))
    statuses = [answer.status for answer in client.read_all()]
    assert statuses == [200] * (limit + 1) + [429]


def test_an_early_answer_is_not_lost_although_the_body_still_comes(client: Client) -> None:
    head = b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
    client.send(head + b"Content-Length: 10000000\r\n\r\n")
    client.send(*[b"a" * 100_000] * 20)
    assert [answer.status for answer in client.read_all()] == [200]


def test_a_client_that_leaves_before_its_body_is_whole_is_no_error(sample: SampleProcess) -> None:
    with sample.connect() as client:
        client.send(post(HOST, b"Content-Length: 4\r\n", body=b"ab"))
    sample.until_logged("the client left before its request was whole")
    assert [line for line in sample.log if line["level"] == "ERROR"] == []


def test_an_answer_in_place_of_continue_is_the_last(client: Client) -> None:
    head = b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n"
    client.send(head + b"Content-Length: 4\r\n\r\n")
    assert client.read().headers["connection"] == "close"
    assert client.is_closed()


def test_a_connection_that_says_nothing_is_closed(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        assert client.is_closed()


@pytest.mark.parametrize("half", [b"G", b"GET /echo HTTP/1.1\r\nHost: te", b"\r\n"])
def test_a_head_that_never_ends_is_closed(impatient: SampleProcess, half: bytes) -> None:
    with impatient.connect() as client:
        client.send(half)
        assert client.is_closed()
    with impatient.connect() as client:
        assert client.ask("/echo").status == 200
        client.send(half)
        assert client.is_closed()


def test_a_head_behind_a_request_that_never_ends_is_closed(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        client.send(get(HOST) + b"GET /echo HT")
        assert client.read().status == 200
        assert client.is_closed()


def test_a_body_that_nobody_waits_for_is_not_awaited(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        client.send(b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n")
        assert client.read().status == 200
        assert client.is_closed()


def test_who_stays_after_the_last_answer_is_cut_off(impatient: SampleProcess) -> None:
    with impatient.connect() as client:
        client.send(b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n")
        assert client.read().status == 200
        assert client.is_closed()

        def is_cut() -> bool:
            try:
                client.send(b"a")
            except OSError:
                return True
            return False

        until(is_cut, "the end of a connection that its client keeps open")


def test_an_old_connection_ends_with_its_next_answer(
    impatient: SampleProcess, client: Client
) -> None:
    assert "connection" not in client.ask("/echo").headers
    with impatient.connect() as old:
        until(lambda: old.ask("/echo").headers.get("connection") == "close", "the last answer")
        assert old.is_closed()

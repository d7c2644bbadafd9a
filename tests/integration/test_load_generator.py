"""The benchmark's load generator against a real socket."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from benchmarks.closed_loop import LoadFailed, Target, measure
from benchmarks.cores import cpu_seconds
from benchmarks.request_path import Load, Pair, Rates, Spread, compare, spread_of
from tests.servers import free_port

seen: Counter[str] = Counter()


def handler(protocol: str, statuses: list[int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            seen[f"{self.path} {self.headers['Cookie']}"] += 1
            self.send_response(statuses.pop() if len(statuses) > 1 else statuses[0])
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def answering(protocol: str = "HTTP/1.1", statuses: tuple[int, ...] = (200,)) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(protocol, list(statuses))) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        seen.clear()
        try:
            yield f"http://127.0.0.1:{server.server_port}/path"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("protocol", ["HTTP/1.1", "HTTP/1.0"])
def test_it_counts_answers_whether_connections_are_kept_or_closed(protocol: str) -> None:
    with answering(protocol) as url:
        found = measure(Target(url, {"Cookie": "a=b"}), connections=3, seconds=0.3)
        assert set(seen) == {"/path a=b"}
        # what was under way at the end is answered, and not counted
        assert 0 < found.answers <= seen["/path a=b"]
        assert found.seconds == pytest.approx(0.3, abs=0.25)


def test_an_answer_other_than_200_is_an_error() -> None:
    with (
        answering(statuses=(200, 200, 503, 200)) as url,
        pytest.raises(LoadFailed, match=r"answered .*503: 1"),
    ):
        measure(Target(url), connections=1, seconds=0.3)


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(LoadFailed, match="refused"):
        measure(Target(f"http://127.0.0.1:{free_port()}/"), connections=2, seconds=0.3)


def test_load_goes_to_this_machine_only() -> None:
    for url in ("http://example.com:80/", "http://127.0.0.1.example.com:80/", "http://127.0.0.1/"):
        with pytest.raises(LoadFailed, match=r"127\.0\.0\.1 only"):
            measure(Target(url), connections=1, seconds=0.1)


def test_pairs_are_interleaved_and_take_turns_in_going_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    rates = {"a": 50.0, "b": 100.0, "c": 30.0, "d": 10.0}

    def rate(_load: Load, target: Target) -> Rates:
        order.append(target.url)
        return Rates(rates[target.url], 2 * rates[target.url] if target.url in "ab" else None)

    monkeypatch.setattr(Load, "rates", rate)
    pairs = [
        Pair("one", "a / b", Target("a"), Target("b")),
        Pair("two", "c / d", Target("c"), Target("d")),
    ]
    results = compare(pairs, Load(1, 1), 2, lambda _: None)
    assert "".join(order) == "abcd" + "abcd" + "badc"
    assert [result.ratios for result in results] == [
        (Rates(0.5, 0.5), Rates(0.5, 0.5)),
        (Rates(3.0, None), Rates(3.0, None)),
    ]


def test_spread_is_the_distance_of_the_extremes_from_the_median() -> None:
    spread = spread_of([1.0, None, 3.0, 2.0])
    assert spread == Spread(median=2.0, least=1.0, most=3.0)
    assert spread is not None
    assert spread.width == 1.0
    assert spread_of([None]) is None


def test_the_work_of_a_process_is_seen() -> None:
    before = cpu_seconds([os.getpid()])
    if before is None:
        pytest.skip("no /proc on this system")
    while (after := cpu_seconds([os.getpid()])) == before:
        sum(range(100_000))
    assert after is not None
    assert before < after <= sum(os.times()[:2]) + 0.1

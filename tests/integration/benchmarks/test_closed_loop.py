"""The benchmark's load generator against a real socket."""

from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep
from typing import Any

import pytest

from benchmarks.closed_loop import LoadFailed, Target, measure

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("protocol", "first_status"), [("HTTP/1.1", 200), ("HTTP/1.0", 200), ("HTTP/1.1", 503)]
)
def test_it_counts_answers_whether_connections_are_kept_or_closed_and_accepts_200_only(
    protocol: str, first_status: int
) -> None:
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            self.send_response(200 if seen else first_status)
            seen.append(f"{self.path} {self.headers['Cookie']}")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    outcome: AbstractContextManager[Any]
    outcome, connections = nullcontext(), 3
    if first_status != 200:
        connections = 1
        outcome = pytest.raises(LoadFailed, match=rf"answered .*{first_status}: 1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.05,)).start()
        target = Target(f"http://127.0.0.1:{server.server_port}/path", {"Cookie": "a=b"})
        try:
            with outcome:
                found = measure(target, connections=connections, seconds=0.3)
                # What was under way at the end is answered, and not counted.
                assert 0 < found.answers <= len(seen)
                assert found.seconds == pytest.approx(0.3, abs=0.25)
        finally:
            server.shutdown()
    assert set(seen) == {"/path a=b"}


def test_a_server_that_needs_longer_than_the_measurement_has_one_answer_counted() -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sleep(0.3)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            target = Target(f"http://127.0.0.1:{server.server_port}/")
            found = measure(target, connections=3, seconds=0.05)
        finally:
            server.shutdown()
    assert found.answers == 1
    assert 0.3 <= found.seconds < 5


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1:1", "refused"),
        *((host, r"127\.0\.0\.1 only") for host in ("example.com:80", "127.0.0.1.example.com:80")),
        ("127.0.0.1", r"127\.0\.0\.1 only"),
    ],
)
def test_load_goes_to_this_machine_only_and_fails_where_nobody_answers(
    host: str, reason: str
) -> None:
    with pytest.raises(LoadFailed, match=reason):
        measure(Target(f"http://{host}/"), connections=2, seconds=0.1)

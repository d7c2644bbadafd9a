"""The benchmark's load generator against a real socket."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from benchmarks.closed_loop import LoadFailed, Target, measure
from tests.servers import free_port

pytestmark = pytest.mark.integration
seen: list[str] = []


@contextmanager
def answering(protocol: str = "HTTP/1.1", *statuses: int) -> Iterator[str]:
    """With 200, after other statuses once each."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers['Cookie']}")
            self.send_response(left.pop() if left else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
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
    # What was under way at the end is answered, and not counted.
    assert 0 < found.answers <= len(seen)
    assert found.seconds == pytest.approx(0.3, abs=0.25)


def test_an_answer_other_than_200_is_an_error_and_so_is_none() -> None:
    with answering("HTTP/1.1", 503) as url, pytest.raises(LoadFailed, match=r"answered .*503: 1"):
        measure(Target(url), connections=1, seconds=0.3)
    with pytest.raises(LoadFailed, match="refused"):
        measure(Target(f"http://127.0.0.1:{free_port()}/"), connections=2, seconds=0.3)


@pytest.mark.parametrize("host", ["example.com:80", "127.0.0.1.example.com:80", "127.0.0.1"])
def test_load_goes_to_this_machine_only(host: str) -> None:
    with pytest.raises(LoadFailed, match=r"127\.0\.0\.1 only"):
        measure(Target(f"http://{host}/"), connections=1, seconds=0.1)

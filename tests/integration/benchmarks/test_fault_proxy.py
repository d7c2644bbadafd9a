"""Each mode of the fault proxies as a client meets it, and that it ends."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

import httpx
import pytest

from benchmarks.pressure.faults import Faults, proxies
from local.free_port import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.integration


class Target(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def target() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Target) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.mark.parametrize("is_used", [False, True])
@pytest.mark.parametrize(
    ("mode", "error", "arrives"),
    [
        ("pass", None, True),
        ("slow", None, True),
        ("silent", httpx.ReadTimeout, False),
        ("black-hole", httpx.TimeoutException, False),
        ("refuse", (httpx.ConnectError, httpx.ReadError, httpx.WriteError), False),
        ("swallow", httpx.RemoteProtocolError, True),
    ],
)
def test_a_client_meets_the_fault_and_its_end(
    mode: str,
    error: type[Exception] | tuple[type[Exception], ...] | None,
    arrives: bool,
    is_used: bool,
) -> None:
    """Over a new connection, and over one that has been used."""
    Target.asked.clear()
    port = free_port()
    with (
        target() as behind,
        proxies({"one": (port, behind)}) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=0.5, verify=False) as client,
    ):
        faults = Faults(None, process)
        if is_used:
            assert client.get("/before").text == "ok"
        faults.network("one", mode, 0.2)
        began = time.monotonic()
        if error is None:
            assert client.get("/during").text == "ok"
        else:
            with pytest.raises(error):
                client.get("/during")
        assert time.monotonic() - began >= (0.2 if mode == "slow" else 0)
        assert ("/during" in Target.asked) == arrives
        faults.heal()
        assert client.get("/after").text == "ok"
        eventually(lambda: "/after" in Target.asked)

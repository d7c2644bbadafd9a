"""What the demo says when there is no shop, no receiver, or something else in its place."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from local.demo import main, show_trace
from local.free_port import free_port


@contextmanager
def another_server(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """By the demo, which fails."""
    monkeypatch.setattr("sys.argv", ["demo", "--shop", url])
    assert main() == 1
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def test_without_a_shop_it_says_so_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(capsys, monkeypatch, f"http://127.0.0.1:{free_port()}")
    assert re.fullmatch(r"No answer from \S+: start the shop with `make run` .*\n", text)
    monkeypatch.setenv("ARLOJI_PORT_OFFSET", "many")
    text = said(capsys, monkeypatch, "http://127.0.0.1:1")
    assert text == "ARLOJI_PORT_OFFSET must be a number, not 'many'.\n"


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [(200, b"<p>hello", "is not Arloji"), (503, b"not now", "answered 503: not now")],
)
def test_another_server_on_the_port_is_told_from_the_shop(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: bytes,
    sentence: str,
) -> None:
    with another_server(status, body) as url:
        assert sentence in said(capsys, monkeypatch, url)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("00", "(no trace was recorded: the shop runs with its traces off)"),
        ("01", f"the shop sends trace {'a' * 32} elsewhere)"),
    ],
)
def test_a_shop_without_a_receiver_is_no_failure(
    flags: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_trace(f"http://127.0.0.1:{free_port()}", f"00-{'a' * 32}-{'b' * 16}-{flags}")
    assert sentence in capsys.readouterr().out

"""`make demo` against a running shop, and what it says without one."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.demo import show_trace
from local.layout import ROOT
from tests.e2e.conftest import rows
from tests.servers import free_port
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e


def demo(
    *options: str, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local.demo", *options],
        cwd=ROOT,
        env={**environment},
        capture_output=True,
        text=True,
        timeout=90,
    )


def test_it_shows_the_row_and_the_trace(stack: RunningStack) -> None:
    ended = demo(environment=stack.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    found = re.search(r"order (\S+) is confirmed", ended.stdout)
    assert found is not None, ended.stdout
    (row,) = rows(stack, "SELECT * FROM orders WHERE order_id = ?", found[1])
    assert re.search(rf"orders\.order_id +{row['order_id']}", ended.stdout)
    assert re.search(rf"orders\.total_idr +{row['total_idr']}", ended.stdout)
    assert re.search(r"order_items\.quantity +1", ended.stdout)


def test_its_tree_goes_from_the_request_to_the_consumers_sql(stack: RunningStack) -> None:
    tree = demo(environment=stack.environment).stdout.partition("Its trace")[2].splitlines()[1:]
    spans = [line.lstrip("│├└─ ").split()[0] for line in tree]
    assert list(dict.fromkeys(spans)) == ["frontend", "api-gw", "publisher", "consumer"]
    # one root, and each service below the one that called it
    assert [line[0] in "│├└ " for line in tree] == [False] + [True] * (len(tree) - 1)
    depths = {
        service: min(
            len(line) - len(line.lstrip("│├└─ "))
            for line, name in zip(tree, spans, strict=True)
            if name == service
        )
        for service in spans
    }
    assert sorted(depths, key=lambda service: depths[service]) == list(dict.fromkeys(spans))
    assert any("consumer" in line and "INSERT" in line for line in tree)
    assert "FAILED" not in "\n".join(tree)


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_what_the_readme_says_can_be_pasted_into_any_shell(
    stack: RunningStack, shell: str, tmp_path: Path
) -> None:
    program = shutil.which(shell)
    if program is None or shutil.which("curl") is None:
        pytest.skip(f"there is no {shell}, or no curl")
    (block,) = re.findall(r"^```sh\n(curl.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    commands = block.replace("http://127.0.0.1:8080", stack.shop_url)
    done = subprocess.run(
        [program, "-c", commands],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    order_id = re.search(r'"order_id":"(\S+?)","status":"accepted","status_url"', done.stdout)
    assert order_id is not None, done.stdout
    # The list that the last command asks for has it too.
    assert done.stdout.count(f'"order_id":"{order_id[1]}"') == 2


def test_without_a_shop_it_says_so_in_one_sentence() -> None:
    ended = demo("--shop", f"http://127.0.0.1:{free_port()}")
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert re.fullmatch(r"No answer from \S+: start the shop with `make run` .*\n", ended.stdout)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("00", "(no trace was recorded: the shop runs with its traces off)"),
        ("01", f"the shop sends trace {'a' * 32} elsewhere)"),
    ],
)
def test_a_shop_without_a_receiver_is_no_failure(
    flags: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_trace(f"http://127.0.0.1:{free_port()}", f"00-{'a' * 32}-{'b' * 16}-{flags}")
    assert said in capsys.readouterr().out


def test_a_bad_port_offset_is_said_in_one_sentence() -> None:
    ended = demo(environment={**os.environ, "ARLOJI_PORT_OFFSET": "many"})
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert ended.stdout.strip() == "ARLOJI_PORT_OFFSET must be a number, not 'many'."


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


@pytest.mark.parametrize(("status", "body"), [(200, b"<p>hello"), (503, b"not now")])
def test_another_server_on_the_port_is_told_from_the_shop(status: int, body: bytes) -> None:
    with another_server(status, body) as url:
        ended = demo("--shop", url)
    assert ended.returncode == 1
    assert ended.stderr == ""
    assert ("is not Arloji" if status == 200 else "answered 503: not now") in ended.stdout

"""The edge: limits, timeouts, problem documents and log of nginx itself."""

import gzip
import html
import json
import re
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.compose.project import ROOT, ComposeProject
from tests.e2e.conftest import Guest, eventually
from tests.e2e.test_traces import trace_id_of
from tests.hostile_http import unexpected
from tests.malformed_requests import (
    CLOSE,
    HOST,
    LARGE_HEADS,
    MALFORMED,
    NGINX_SAYS,
    get,
    send,
    statuses_of,
)


def access_log(project: ComposeProject) -> list[dict[str, Any]]:
    """What nginx says on its standard output; every line of it is JSON."""
    (ingress,) = project.containers("ingress")
    return [json.loads(line) for line in project.run("docker", "logs", ingress.id).splitlines()]


def logged(project: ComposeProject, trace_id: str) -> dict[str, Any]:
    found = eventually(
        lambda: [line for line in access_log(project) if line["trace_id"] == trace_id],
        lambda lines: lines,
    )
    line: dict[str, Any] = found[-1]
    return line


def error_lines(project: ComposeProject) -> list[str]:
    """What nginx says beside its access log."""
    (ingress,) = project.containers("ingress")
    found = subprocess.run(
        ["docker", "logs", ingress.id], capture_output=True, text=True, check=True
    )
    return [line for line in found.stderr.splitlines() if "[notice]" not in line]


def connect(project: ComposeProject) -> socket.socket:
    shop = urlsplit(project.shop_url)
    return socket.create_connection((shop.hostname, shop.port), 10)


def assert_problem_of_nginx(
    project: ComposeProject, answer: httpx.Response, status: int
) -> dict[str, Any]:
    """A problem document whose trace id nginx has logged with the request."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "trace_id"}
    assert problem["status"] == status
    assert problem["trace_id"] == trace_id_of(answer)
    line = logged(project, problem["trace_id"])
    assert line["http.response.status_code"] == status
    assert line["upstream.address"] == "" or status >= 500
    return problem


def test_probes_and_figures_are_inside_only(project: ComposeProject) -> None:
    assert_problem_of_nginx(project, httpx.get(f"{project.shop_url}/healthz"), 404)
    hidden = "/readyz //healthz /./readyz /%68ealthz /a/../healthz /stub_status /docs /metrics"
    for path in [*hidden.split(), "/openapi.json"]:
        answer = send(project.shop_url, get(HOST, CLOSE, path=path.encode()))
        assert statuses_of(answer) == (404,), path
    (frontend,) = project.containers("frontend")
    script = (
        "import urllib.request as u; print(u.urlopen('http://ingress:8081/stub_status').read())"
    )
    assert "Active connections" in project.exec(frontend, "python", "-c", script)


def test_the_log_has_the_trace_that_the_shop_has_answered_with(
    project: ComposeProject, guest: Guest
) -> None:
    answer = guest.http.get("/api/products?q=secret+search", headers={b"User-Agent": b"caf\xe9"})
    line = logged(project, trace_id_of(answer))
    assert (line["http.response.status_code"], line["url.path"]) == (200, "/api/products")
    assert line["upstream.address"].endswith(":8080")
    assert line["duration"] >= 0
    # What people look for is not in the log.
    assert "secret" not in json.dumps(line)


def test_a_body_over_64_kib_is_413(project: ComposeProject) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b" " * 1024] * 80

    for content in (b" " * 65_537, chunks()):
        answer = httpx.post(f"{project.shop_url}/api/orders", content=content)
        problem = assert_problem_of_nginx(project, answer, 413)
        assert problem["type"] == "urn:arloji:problem:body-too-large"
        assert problem["instance"] == "/api/orders"


def test_too_large_a_head_is_431(project: ComposeProject) -> None:
    for name, head in {**LARGE_HEADS, "200 short lines": get(HOST, *[b"A: b\r\n"] * 200)}.items():
        answer = send(project.shop_url, head)
        assert statuses_of(answer) == (431,), name
        assert b"application/problem+json" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 431


def test_a_head_of_15_kib_is_passed_on_and_so_are_those_sent_ahead(
    project: ComposeProject,
) -> None:
    for size, number in ((15_000, 1), (9_000, 5)):
        large = b"X-Large: %b\r\n" % (b"x" * size)
        requests = get(HOST, large, path=b"/robots.txt") * number
        last = get(HOST, large, CLOSE, path=b"/robots.txt")
        answers = send(project.shop_url, requests + last, to_the_end=True)
        assert statuses_of(answers) == (200,) * (number + 1)


def test_bytes_that_are_no_http_are_problems_and_log_lines(project: ComposeProject) -> None:
    asked = {
        **MALFORMED,
        # Our own servers find these clear.
        "escape of nothing": get(HOST, path=b"/%zz"),
        "TRACE": b"TRACE / HTTP/1.1\r\nHost: test\r\n\r\n",
    }
    answers = {name: send(project.shop_url, request) for name, request in asked.items()}
    found = {name: statuses_of(answer) for name, answer in answers.items()}
    assert found == {name: NGINX_SAYS.get(name, (400,)) for name in asked}
    for name in ("tunnel", "TRACE"):
        assert b"\r\nAllow: " in answers[name], name
    refused = [answers[name] for name, statuses in found.items() if statuses == (400,)]
    lines = {line["trace_id"]: line["http.response.status_code"] for line in access_log(project)}
    for head, _, body in (answer.partition(b"\r\n\r\n") for answer in refused):
        assert b"application/problem+json" in head
        assert lines[json.loads(body)["trace_id"]] == 400


def test_bytes_that_mean_harm_get_what_the_table_has(project: ComposeProject) -> None:
    assert unexpected(project.shop_url, "nginx") == {}


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("status", [413, 431])
def test_a_browser_gets_a_page_that_says_what_to_do(
    project: ComposeProject, status: int, language: str
) -> None:
    """The most likely of all: cookies that became too large, or a text too long for its form."""
    preferred = {"en": "de, en-GB;q=0.8, id;q=0.5", "id": "id-ID,id;q=0.9,en;q=0.8"}[language]
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": preferred}
    if status == 413:
        answer = httpx.post(f"{project.shop_url}/orders", headers=browser, content=b"x" * 70_000)
    else:
        answer = httpx.get(project.shop_url, headers={**browser, "Cookie": f"a={'x' * 17_000}"})
    texts = tomllib.loads((ROOT / f"services/frontend/texts/{language}.toml").read_text())
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{language}">' in answer.text
    assert texts["error_title"][str(status)] in html.unescape(answer.text)
    assert trace_id_of(answer) in answer.text
    program = httpx.post(f"{project.shop_url}/api/orders", headers=browser, content=b"x" * 70_000)
    assert program.headers["content-type"] == "application/problem+json"


def test_what_nginx_says_has_the_headers_of_what_the_shop_says(project: ComposeProject) -> None:
    of_shop = httpx.get(f"{project.shop_url}/nowhere").headers
    of_nginx = httpx.get(f"{project.shop_url}/healthz").headers
    prefixes = ("x-content-type", "referrer-", "permissions-", "cross-origin-opener")
    wanted = {name: value for name, value in of_shop.items() if name.startswith(prefixes)}
    assert len(wanted) == len(prefixes)
    assert wanted.items() <= dict(of_nginx).items()


def test_http_1_0_and_head_requests_are_answered(project: ComposeProject) -> None:
    assert statuses_of(send(project.shop_url, b"GET /robots.txt HTTP/1.0\r\n\r\n")) == (200,)
    for path, status in (("/", 200), ("/api/products", 200), ("/healthz", 404)):
        answer = httpx.head(f"{project.shop_url}{path}")
        assert (answer.status_code, answer.content) == (status, b"")
        assert "content-type" in answer.headers


def test_compressed_for_those_who_can_read_it(project: ComposeProject) -> None:
    url = f"{project.shop_url}/api/products?page_size=100"
    packed = httpx.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(plain.content)) < len(plain.content) / 3
    assert packed.json() == plain.json()


def test_static_files_are_cached_for_long(project: ComposeProject) -> None:
    paths = re.findall(r'"(/static/[^"]+)"', httpx.get(project.shop_url).text)
    assert paths
    for path in paths:
        answer = httpx.get(f"{project.shop_url}{path}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "set-cookie" not in answer.headers


def test_slow_clients_are_let_go(project: ComposeProject) -> None:
    """A head that does not end, 5 s, and a body that stops coming, 10 s, side by side."""

    def hold(beginning: bytes) -> float:
        began = time.monotonic()
        with closing(connect(project)) as connection:
            connection.settimeout(60)
            connection.sendall(beginning)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        return time.monotonic() - began

    body = b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n1"
    with ThreadPoolExecutor(2) as threads:
        took = list(threads.map(hold, (b"GET / HTTP/1.1\r\nHost: shop\r\n", body)))
    assert all(4 < seconds < 40 for seconds in took), took
    assert took[0] < took[1]


def test_heads_that_do_not_end_cost_other_clients_nothing(project: ComposeProject) -> None:
    """1200 connections with as much of a head as nginx keeps: three times what once was enough
    for the kernel to kill a worker, again and again."""
    line = b": " + b"x" * 15_900 + b"\r\n"
    head = b"GET / HTTP/1.1\r\nHost: shop\r\nA" + line + b"B" + line + b"C: "
    with ExitStack() as opened:
        for _ in range(1200):
            opened.enter_context(closing(connect(project))).sendall(head)
        answers = [httpx.get(project.shop_url).status_code for _ in range(5)]
    assert answers == [200] * 5
    assert [line for line in error_lines(project) if "[alert]" in line] == []
    (ingress,) = project.containers("ingress")
    assert (ingress.restarts, ingress.oom_killed) == (0, False)

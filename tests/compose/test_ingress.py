"""The edge: limits, timeouts, problem documents and log of nginx itself."""

import gzip
import html
import json
import re
import shutil
import socket
import subprocess
import threading
import time
import tomllib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.compose.project import ROOT, ComposeProject
from tests.e2e.conftest import CUSTOMER, Guest, eventually
from tests.e2e.test_bad_input import raw
from tests.e2e.test_traces import trace_id_of

ORDER = {"items": [{"product_id": 1, "quantity": 1}], "customer": CUSTOMER}


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


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "//healthz", "/./readyz", "/%68ealthz", "/a/../healthz"]
)
def test_probes_are_not_routed(project: ComposeProject, path: str) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n".encode()
    answer = raw(project, request)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["instance"] == path
    plain = httpx.get(f"{project.shop_url}/healthz")
    assert_problem_of_nginx(project, plain, 404)


def test_figures_of_nginx_are_inside_only(project: ComposeProject) -> None:
    assert httpx.get(f"{project.shop_url}/stub_status").status_code == 404
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


def test_the_log_is_also_a_file_that_its_readers_group_may_read(project: ComposeProject) -> None:
    script = """
import json, os, stat
found = {}
for path in ("/log", *sorted(f"/log/{name}" for name in os.listdir("/log"))):
    state = os.stat(path)
    found[path] = [state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)]
print(json.dumps(found))
"""
    writers = {"nginx": 101, "mysql": 999, "queue-redis": 999, "cache-redis": 999}
    for name, user_id in writers.items():
        volume = f"{project.volume(f'log-{name}')}:/log:ro"
        found = project.probe(script, options=["--volume", volume])
        assert found.pop("/log") == [user_id, 4000, 0o750]
        assert found, f"{name} logs nothing"
        for path, (owner, group, mode) in found.items():
            assert (owner, group) == (user_id, 4000), path
            assert mode & 0o040, path


@pytest.mark.parametrize("body", ["declared", "chunked"])
def test_a_body_over_64_kib_is_413(project: ComposeProject, body: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(80):
            yield b" " * 1024

    content = b" " * 65_537 if body == "declared" else chunks()
    answer = httpx.post(f"{project.shop_url}/api/orders", content=content)
    problem = assert_problem_of_nginx(project, answer, 413)
    assert problem["type"] == "urn:arloji:problem:body-too-large"
    assert problem["instance"] == "/api/orders"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Large: " + b"x" * 20_000,
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Many: " + b"\r\nX-Many: ".join([b"x" * 1000] * 40),
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: shop",
        # Below the limit of nginx, over that of the frontend.
        b"GET / HTTP/1.1\r\nHost: shop\r\nX-Many: " + b"\r\nX-Many: ".join([b"x" * 1000] * 20),
        b"GET / HTTP/1.1\r\nHost: shop" + b"\r\nA: b" * 200,
    ],
    ids=["one line", "many lines", "the address", "the frontend's limit", "many short lines"],
)
def test_too_large_a_head_is_431(project: ComposeProject, head: bytes) -> None:
    answer = raw(project, head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"application/problem+json" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 431


def test_a_head_of_15_kib_is_passed_on(project: ComposeProject) -> None:
    answer = httpx.get(project.shop_url, headers={"X-Large": "x" * 15_000})
    assert answer.status_code == 200


def test_requests_sent_ahead_may_have_heads_as_large(project: ComposeProject) -> None:
    request = b"GET /robots.txt HTTP/1.1\r\nHost: shop\r\nX-Large: " + b"x" * 9_000
    last = request + b"\r\nConnection: close\r\n\r\n"
    answers = raw_to_the_end(project, (request + b"\r\n\r\n") * 5 + last)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"200"] * 6


def raw_to_the_end(project: ComposeProject, request: bytes) -> bytes:
    shop = urlsplit(project.shop_url)
    with closing(socket.create_connection((shop.hostname, shop.port), 10)) as connection:
        connection.sendall(request)
        return connection.makefile("rb").read()


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
    assert texts["error_text"][str(status)] in html.unescape(answer.text)
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


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=repr,
)
def test_a_malformed_request_is_a_400_problem_and_a_log_line(
    project: ComposeProject, request_bytes: bytes
) -> None:
    head, _, body = raw(project, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["type"] == "urn:arloji:problem:bad-request"
    assert logged(project, problem["trace_id"])["http.response.status_code"] == 400


@pytest.mark.parametrize("asked", [b"TRACE /", b"CONNECT shop:443"])
def test_methods_that_nginx_knows_and_nobody_needs_are_405(
    project: ComposeProject, asked: bytes
) -> None:
    answer = raw(project, asked + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: " in head
    assert json.loads(body)["type"] == "urn:arloji:problem:method-not-allowed"


def test_http_1_0_without_a_name_is_answered(project: ComposeProject) -> None:
    assert raw(project, b"GET /robots.txt HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_a_head_request_has_the_headers_and_no_body(project: ComposeProject) -> None:
    for path, status in (("/", 200), ("/api/products", 200), ("/healthz", 404)):
        answer = httpx.head(f"{project.shop_url}{path}")
        assert (answer.status_code, answer.content) == (status, b"")
        assert "content-type" in answer.headers


def test_more_reads_than_the_limit_are_429_and_orders_have_their_own(
    project: ComposeProject, guest: Guest
) -> None:
    """200 a second after a burst of 400; with them spent an order is still taken."""
    stop = threading.Event()

    def read(_: int) -> list[httpx.Response]:
        refused: list[httpx.Response] = []
        with httpx.Client(base_url=project.shop_url) as client:
            while not stop.is_set() and not refused:
                # Refused or not found by nginx or quickly by the frontend: cheap for all.
                answer = client.get("/robots.txt")
                refused += [answer] if answer.status_code == 429 else []
        stop.set()
        return refused

    with ThreadPoolExecutor(8) as threads, deadline(stop, 60):
        refused = [answer for found in threads.map(read, range(8)) for answer in found]
    assert refused, "no request was refused"
    assert_problem_of_nginx(project, refused[0], 429)
    assert int(refused[0].headers["retry-after"]) >= 1
    answer = guest.post_order({1: 1})
    assert answer.status_code == 202


@contextmanager
def deadline(stop: threading.Event, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def test_more_orders_than_the_limit_are_429(project: ComposeProject) -> None:
    """50 a second after a burst of 100. Without a guest each costs the frontend little."""

    def post(_: int) -> httpx.Response:
        return client.post("/orders", data={"key": "x"})

    with httpx.Client(base_url=project.shop_url) as client, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(post, range(400)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, {answer.status_code for answer in answers}
    assert_problem_of_nginx(project, refused[0], 429)


def test_compressed_for_those_who_can_read_it(project: ComposeProject) -> None:
    url = f"{project.shop_url}/api/products?page_size=100"
    with httpx.Client(headers={"Accept-Encoding": "gzip"}) as client:
        answer = client.get(url)
        assert answer.headers["content-encoding"] == "gzip"
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(gzip.compress(plain.content)) < len(plain.content) / 3
    assert answer.json() == plain.json()


def test_static_files_are_cached_for_long(project: ComposeProject) -> None:
    page = httpx.get(project.shop_url).text
    paths = re.findall(r'"(/static/[^"]+)"', page)
    assert paths
    for path in paths:
        answer = httpx.get(f"{project.shop_url}{path}")
        assert answer.status_code == 200
        (seconds,) = re.findall(r"max-age=(\d+)", answer.headers["cache-control"])
        assert int(seconds) >= 30_000_000
        assert "set-cookie" not in answer.headers


def test_connections_are_kept(project: ComposeProject) -> None:
    shop = urlsplit(project.shop_url)
    with closing(socket.create_connection((shop.hostname, shop.port), 10)) as connection:
        stream = connection.makefile("rwb")
        for _ in range(20):
            stream.write(b"GET /robots.txt HTTP/1.1\r\nHost: shop\r\n\r\n")
            stream.flush()
            assert stream.readline().startswith(b"HTTP/1.1 200 ")
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            stream.read(length)


def test_slow_clients_are_let_go(project: ComposeProject) -> None:
    """A head that does not end, 5 s, and a body that stops coming, 10 s, side by side."""
    shop = urlsplit(project.shop_url)
    beginnings = (
        b"GET / HTTP/1.1\r\nHost: shop\r\n",
        b"POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\n1",
    )

    def hold(beginning: bytes) -> float:
        began = time.monotonic()
        with closing(socket.create_connection((shop.hostname, shop.port), 10)) as connection:
            connection.settimeout(60)
            connection.sendall(beginning)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        return time.monotonic() - began

    with ThreadPoolExecutor(2) as threads:
        took = list(threads.map(hold, beginnings))
    assert all(4 < seconds < 40 for seconds in took), took
    assert took[0] < took[1]


def test_heads_that_do_not_end_cost_other_clients_nothing(project: ComposeProject) -> None:
    """1200 connections with as much of a head as nginx keeps: three times what once was enough
    for the kernel to kill a worker, again and again."""
    shop = urlsplit(project.shop_url)
    line = b": " + b"x" * 15_900 + b"\r\n"
    head = b"GET / HTTP/1.1\r\nHost: shop\r\nA" + line + b"B" + line + b"C: "
    with ExitStack() as opened:
        for _ in range(1200):
            connection = socket.create_connection((shop.hostname, shop.port), 10)
            opened.enter_context(closing(connection)).sendall(head)
        answers = [httpx.get(project.shop_url).status_code for _ in range(5)]
    assert answers == [200] * 5
    assert [line for line in error_lines(project) if "[alert]" in line] == []
    (ingress,) = project.containers("ingress")
    assert (ingress.restarts, ingress.oom_killed) == (0, False)


def test_what_a_client_says_about_itself_does_not_arrive(project: ComposeProject) -> None:
    """A second fence: the frontend drops all of it as well."""
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Server": "evil.example",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-Arloji-Guest": str(uuid.uuid4()),
        "X-Arloji-Timeout-Ms": "1",
        "traceparent": f"00-{'1' * 32}-{'2' * 16}-01",
        "tracestate": "evil=1",
        "baggage": "evil=1",
    }
    received = headers_behind_nginx(project, forged)
    assert "host" in received
    assert {name.lower() for name in forged} & received.keys() == set()


def headers_behind_nginx(project: ComposeProject, sent: dict[str, str]) -> dict[str, str]:
    """What a server sees that stands where the frontend stands, behind the same configuration."""
    server = """
import http.server, json
class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({k.lower(): v for k, v in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", 9000), Mirror).serve_forever()
"""
    client = """
import json, sys, time, urllib.request
request = urllib.request.Request("http://127.0.0.1:8080/", headers=json.loads(sys.argv[1]))
for _ in range(100):
    try:
        print(urllib.request.urlopen(request, timeout=5).read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""
    mirror = f"{project.name}-mirror"
    with nginx_alone(project) as nginx:
        beside = ("--network", f"container:{nginx}", "--name", mirror)
        program = ("--entrypoint", "python", project.image, "-c", server)
        project.run("docker", "run", "--detach", "--rm", *beside, *program)
        try:
            found: dict[str, str] = project.probe(
                client, json.dumps(sent), options=["--network", f"container:{nginx}"]
            )
        finally:
            project.run("docker", "rm", "--force", mirror)
    return found


@contextmanager
def nginx_alone(project: ComposeProject, **environment: str) -> Iterator[str]:
    """The stack's nginx with its configuration, alone in a network of its own: whoever listens on
    port 9000 there is its frontend. Gives the name of its container."""
    described = json.loads(project.compose("config", "--format", "json"))["services"]["ingress"]
    folder, name = project.root.parent / "nginx-alone", f"{project.name}-nginx-alone"
    shutil.copytree(project.root / "ingress", folder)
    (folder / "conf/upstream.conf").write_text("upstream frontend { server 127.0.0.1:9000; }")
    settings = {**described["environment"], **environment}
    given = [part for one in settings.items() for part in ("--env", "=".join(one))]
    places = ("--volume", f"{folder}:/etc/nginx/arloji:ro", "--tmpfs", "/var/log/arloji:uid=101")
    confined = ("--user", described["user"], "--read-only", "--tmpfs", "/tmp:uid=101")
    options = (*confined, *given, *places, "--network", "none", "--name", name)
    try:
        project.run(
            "docker", "run", "--detach", *options, described["image"], *described["command"]
        )
        yield name
    finally:
        project.run("docker", "rm", "--force", "--volumes", name)
        shutil.rmtree(folder)


# Each client asks at once for more than the burst of reads allows one; there is no frontend.
_ASK = """
import json, socket, sys, time
statuses = {}
for client in sys.argv[1:]:
    request = f"GET / HTTP/1.1\\r\\nHost: shop\\r\\nX-Forwarded-For: {client}\\r\\n"
    for _ in range(100):
        try:
            connection = socket.create_connection(("127.0.0.1", 8080), 10)
            break
        except OSError:
            time.sleep(0.1)
    connection.sendall((request + "\\r\\n").encode() * 350)
    connection.sendall((request + "Connection: close\\r\\n\\r\\n").encode())
    answers = connection.makefile("rb").read().decode()
    statuses[client] = [answers.count(f"HTTP/1.1 {status} ") for status in (502, 429)]
print(json.dumps(statuses))
"""


@pytest.mark.parametrize("trusted", ["", "127.0.0.0/8, 10.0.0.0/8 fd00::/8"])
def test_clients_behind_another_proxy_are_told_apart_if_it_is_trusted(
    project: ComposeProject, trusted: str
) -> None:
    """Each has its own limit and its own address in the log; without trust they are one."""
    clients = ["203.0.113.1", "198.51.100.7, 10.1.1.1", "2001:db8::1"]
    with nginx_alone(project, ARLOJI_TRUSTED_PROXIES=trusted) as nginx:
        statuses = project.probe(_ASK, *clients, options=["--network", f"container:{nginx}"])
        lines = map(json.loads, project.run("docker", "logs", nginx).splitlines())
        addresses = {line["client.address"] for line in lines}
    refused = {client: refusals for client, (_, refusals) in statuses.items()}
    if trusted:
        assert refused == dict.fromkeys(clients, 0)
        assert addresses == {client.partition(",")[0] for client in clients}
    else:
        assert refused[clients[-1]] > 0, statuses
        assert addresses == {"127.0.0.1"}


def test_one_ipv6_network_is_one_client(project: ComposeProject) -> None:
    clients = [f"2001:db8::{number}" for number in range(1, 4)]
    with nginx_alone(project, ARLOJI_TRUSTED_PROXIES="127.0.0.1") as nginx:
        statuses = project.probe(_ASK, *clients, options=["--network", f"container:{nginx}"])
    assert statuses[clients[-1]][1] > 0, statuses


def test_what_is_no_network_ends_the_start_with_one_sentence(project: ComposeProject) -> None:
    folder = ("--volume", f"{ROOT}/ingress:/etc/nginx/arloji:ro", "--tmpfs", "/tmp")
    image, start = project.image_of("ingress"), ("bash", "/etc/nginx/arloji/start.sh")
    for network in ("proxy.example", "10.0.0.0/33", "300.1.1.1", "10", "*", "1;", "fe80::/129"):
        given = ("--env", f"ARLOJI_TRUSTED_PROXIES=10.0.0.0/8 {network}")
        command = ["docker", "run", "--rm", "--network", "none", *folder, *given, image, *start]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, network
        (sentence,) = (done.stdout + done.stderr).splitlines()
        assert sentence.startswith(f"ingress: ARLOJI_TRUSTED_PROXIES: '{network}' is no network")


def test_with_tls_in_front_what_nginx_says_keeps_browsers_on_it(project: ComposeProject) -> None:
    ask = """
import json, time, urllib.error, urllib.request
for _ in range(100):
    try:
        urllib.request.urlopen("http://127.0.0.1:8080/healthz", timeout=5)
    except urllib.error.HTTPError as answer:
        print(json.dumps(answer.headers.get("Strict-Transport-Security")))
        break
    except OSError:
        time.sleep(0.1)
"""
    assert "strict-transport-security" not in httpx.get(f"{project.shop_url}/healthz").headers
    with nginx_alone(project, COOKIE_SECURE="True") as nginx:
        said = project.probe(ask, options=["--network", f"container:{nginx}"])
    assert said == "max-age=31536000; includeSubDomains"


def test_replicas_of_the_frontend_are_found_and_forgotten_without_a_restart(
    project: ComposeProject,
) -> None:
    """One, two, one again, while requests run: none fails, and the second one gets its part."""
    (ingress,) = project.containers("ingress")
    failures: list[str] = []
    stop = threading.Event()

    def browse() -> None:
        with httpx.Client(base_url=project.shop_url, timeout=15) as client:
            while not stop.is_set():
                try:
                    answer = client.get("/robots.txt")
                    if answer.status_code != 200:
                        failures.append(str(answer.status_code))
                except httpx.TransportError as error:
                    failures.append(repr(error))
                time.sleep(0.02)

    visitor = threading.Thread(target=browse)
    visitor.start()
    try:
        scale = ("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--scale")
        project.compose(*scale, "frontend=2", "frontend")
        addresses = {one.addresses["edge"] for one in project.containers("frontend")}
        assert len(addresses) == 2
        eventually(
            lambda: {line["upstream.address"].partition(":")[0] for line in access_log(project)},
            lambda seen: addresses <= seen,
        )
        project.compose(*scale, "frontend=1", "frontend")
        lines = len(access_log(project))
        eventually(lambda: len(access_log(project)), lambda number: number > lines + 50)
    finally:
        stop.set()
        visitor.join()
    assert failures == []
    assert project.containers("ingress")[0].started_at == ingress.started_at


@pytest.mark.parametrize("way", ["its name is still known", "its name is gone"])
def test_without_a_frontend_the_answer_says_that_nothing_arrived_and_it_heals(
    project: ComposeProject, way: str
) -> None:
    """At first its address answers nothing, which is no late answer; then nobody has its name."""
    before = len(access_log(project))
    project.compose("stop", "frontend")
    try:
        if way == "its name is gone":
            known = re.compile(r"[\d.]+:8080$")
            eventually(
                lambda: (
                    httpx.get(project.shop_url, timeout=15)
                    and access_log(project)[-1]["upstream.address"]
                ),
                lambda address: not known.search(address),
            )
        read = httpx.get(project.shop_url, timeout=15)
        orders, key = f"{project.shop_url}/api/orders", {"Idempotency-Key": "a key"}
        sent = httpx.post(orders, json={}, timeout=15, headers=key)
        keyless = httpx.post(orders, json={}, timeout=15)
        page = httpx.get(project.shop_url, timeout=15, headers={"Accept": "text/html"})
        assert "cannot be reached" in assert_problem_of_nginx(project, read, 502)["detail"]
        for one in (read, keyless):
            assert "Idempotency-Key" not in one.json()["detail"]
        assert "same Idempotency-Key" in assert_problem_of_nginx(project, sent, 502)["detail"]
        assert "Satu bagian toko sedang tidak terjangkau" in page.text
        assert {one.elapsed.total_seconds() < 5 for one in (read, sent, page)} == {True}
    finally:
        project.compose("start", "frontend")
    eventually(
        lambda: httpx.get(project.shop_url, timeout=15).status_code, lambda status: status == 200
    )
    failed = [line for line in access_log(project)[before:] if line["level"] == "ERROR"]
    assert {line["upstream.connect"].rpartition(" ")[2] for line in failed} == {"-"}


def test_no_request_has_made_an_error_line_of_nginx(project: ComposeProject) -> None:
    """The last of this file: after refusals by all limits, malformed requests, slow clients and a
    frontend that was away. Each is one line of the access log."""
    statuses = {line["http.response.status_code"] for line in access_log(project)}
    assert statuses >= {400, 404, 413, 429, 431, 502}
    assert [line for line in error_lines(project) if "client:" in line] == []

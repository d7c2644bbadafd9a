"""The edge: limits, timeouts, problem documents and log of nginx itself."""

import gzip
import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.compose.project import ComposeProject
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
    answer = guest.http.get("/api/products?q=secret+search", headers={"User-Agent": b"caf\xe9"})
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
    ],
    ids=["one line", "many lines", "the address", "the frontend's limit"],
)
def test_too_large_a_head_is_431(project: ComposeProject, head: bytes) -> None:
    answer = raw(project, head + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431")
    assert b"application/problem+json" in answer
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 431


def test_a_head_of_15_kib_is_passed_on(project: ComposeProject) -> None:
    answer = httpx.get(project.shop_url, headers={"X-Large": "x" * 15_000})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0",
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
    """A head that does not end, and a body that stops coming: 10 s, side by side."""
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
    assert all(5 < seconds < 40 for seconds in took), took


def test_what_a_client_says_about_itself_does_not_arrive(project: ComposeProject) -> None:
    """The frontend believes the ingress: whatever is not overwritten here would be believed."""
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
    for name, value in forged.items():
        assert value not in received.get(name.lower(), ""), name
    assert received["x-forwarded-proto"] == "http"
    assert set(received) >= {"x-forwarded-for", "x-real-ip", "host"}


def headers_behind_nginx(project: ComposeProject, sent: dict[str, str]) -> dict[str, str]:
    """What a server sees that stands where the frontend stands, behind the same configuration."""
    (ingress,) = project.containers("ingress")
    server = """
import http.server, json
class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({k.lower(): v for k, v in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", 8080), Mirror).serve_forever()
"""
    client = """
import json, sys, time, urllib.request
request = urllib.request.Request("http://127.0.0.1:18081/", headers=json.loads(sys.argv[1]))
for _ in range(100):
    try:
        print(urllib.request.urlopen(request, timeout=5).read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""
    name = f"{project.name}-mirror"
    configuration = [
        part
        for mount in json.loads(project.run("docker", "inspect", ingress.id))[0]["Mounts"]
        if mount["Type"] == "bind"
        for part in ("--volume", f"{mount['Source']}:{mount['Destination']}:ro")
    ]
    start = (
        "sed -e 's/listen 8080 default_server/listen 18081 default_server/'"
        " /etc/nginx/arloji/shop.conf > /tmp/shop.conf"
        " && sed -e 's#/etc/nginx/arloji/upstream.conf#/tmp/upstream.conf#'"
        " -e 's#/etc/nginx/arloji/shop.conf#/tmp/shop.conf#' /etc/nginx/arloji.conf > /tmp/all.conf"
        " && echo 'upstream frontend { server 127.0.0.1:8080; }' > /tmp/upstream.conf"
        " && exec nginx -e /dev/stderr -c /tmp/all.conf -g 'daemon off;'"
    )
    mirror = ("docker", "run", "--detach", "--rm", "--network", "none", "--name", name)
    project.run(*mirror, "--entrypoint", "python", project.image, "-c", server)
    try:
        beside = ("--network", f"container:{name}", "--tmpfs", "/var/log/arloji", *configuration)
        project.run(
            *("docker", "run", "--detach", "--rm", "--name", f"{name}-nginx", *beside),
            *("nginx:1.30", "sh", "-c", start),
        )
        found: dict[str, str] = project.probe(
            client, json.dumps(sent), options=["--network", f"container:{name}"]
        )
        return found
    finally:
        project.run("docker", "rm", "--force", "--volumes", name, f"{name}-nginx")


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


def test_without_a_frontend_the_answer_is_a_502_problem_and_it_heals(
    project: ComposeProject,
) -> None:
    project.compose("stop", "frontend")
    try:
        # 504 as long as its name is known: its address answers nothing.
        answer = eventually(
            lambda: httpx.get(project.shop_url, timeout=15),
            lambda answer: answer.status_code == 502,
        )
        assert_problem_of_nginx(project, answer, 502)
        assert "same Idempotency-Key" in answer.json()["detail"]
    finally:
        project.compose("start", "frontend")
    eventually(
        lambda: httpx.get(project.shop_url, timeout=15).status_code, lambda status: status == 200
    )

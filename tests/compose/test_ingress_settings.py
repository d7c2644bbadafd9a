"""What the environment and a proxy in front decide at nginx, seen at one without a shop."""

import json
import uuid

import pytest

from tests.compose.nginx_alone import nginx_alone
from tests.compose.project import ROOT, ComposeProject

# Each client asks at once for more than the burst of reads allows one; there is no frontend.
_ASK = """
import json, sys
statuses = {}
for client in sys.argv[1:]:
    request = f"GET / HTTP/1.1\\r\\nHost: shop\\r\\nX-Forwarded-For: {client}\\r\\n"
    connection = socket.create_connection(("127.0.0.1", 8080), 10)
    connection.sendall((request + "\\r\\n").encode() * 350)
    connection.sendall((request + "Connection: close\\r\\n\\r\\n").encode())
    statuses[client] = connection.makefile("rb").read().decode().count("HTTP/1.1 429 ")
print(json.dumps(statuses))
"""


@pytest.mark.parametrize("trusted", ["", "127.0.0.0/8, 10.0.0.0/8 fd00::/8"])
def test_clients_behind_another_proxy_are_told_apart_if_it_is_trusted(
    project: ComposeProject, trusted: str
) -> None:
    """Each has its own limit and its own address in the log; without trust they are one."""
    clients = ["203.0.113.1", "198.51.100.7, 10.1.1.1", "2001:db8::1"]
    with nginx_alone(project, ARLOJI_TRUSTED_PROXIES=trusted) as nginx:
        refused = nginx.probe(_ASK, *clients)
        addresses = {line["client.address"] for line in nginx.access_log()}
    if trusted:
        assert refused == dict.fromkeys(clients, 0)
        assert addresses - {"127.0.0.1"} == {client.partition(",")[0] for client in clients}
    else:
        assert refused[clients[-1]] > 0, refused
        assert addresses == {"127.0.0.1"}


# More than one client may read at once, an order, then more orders than it may send.
_SPEND = """
import json, re
def ask(method, number):
    request = f"{method} /orders HTTP/1.1\\r\\nHost: shop\\r\\nContent-Length: 0\\r\\n"
    connection = socket.create_connection(("127.0.0.1", 8080), 10)
    connection.sendall((request + "\\r\\n").encode() * (number - 1))
    connection.sendall((request + "Connection: close\\r\\n\\r\\n").encode())
    return connection.makefile("rb").read().decode()
reads, order, orders = ask("GET", 800), ask("POST", 1), ask("POST", 250)
statuses = [re.findall("HTTP/1.1 ([0-9]+) ", text) for text in (reads, order, orders)]
print(json.dumps([statuses, "HTTP/1.1 429 " + orders.rpartition("HTTP/1.1 429 ")[2]]))
"""


def test_more_than_the_limits_are_429_and_orders_have_their_own(project: ComposeProject) -> None:
    """200 reads a second after a burst of 400, and 50 orders a second after a burst of 100."""
    with nginx_alone(project) as nginx:
        (reads, order, orders), refusal = nginx.probe(_SPEND)
    assert reads[:400] == ["502"] * 400
    assert "429" in reads
    # With the reads spent.
    assert order == ["502"]
    assert orders[:99] == ["502"] * 99
    assert "429" in orders
    head, _, body = refusal.partition("\r\n\r\n")
    assert "\r\nContent-Type: application/problem+json" in head
    assert "\r\nRetry-After: 1" in head
    assert json.loads(body[: body.index("}") + 1])["type"] == "urn:arloji:problem:too-many-requests"


def test_one_ipv6_network_is_one_client(project: ComposeProject) -> None:
    clients = [f"2001:db8::{number}" for number in range(1, 4)]
    with nginx_alone(project, ARLOJI_TRUSTED_PROXIES="127.0.0.1") as nginx:
        refused = nginx.probe(_ASK, *clients)
    assert refused[clients[-1]] > 0, refused


def test_what_is_no_network_ends_the_start_with_one_sentence(project: ComposeProject) -> None:
    wrong = ("proxy.example", "10.0.0.0/33", "300.1.1.1", "10", "*", "1;", "fe80::/129")
    script = (
        'for network in "$@"; do'
        ' ARLOJI_TRUSTED_PROXIES="10.0.0.0/8 $network" bash /etc/nginx/arloji/start.sh 2>&1;'
        ' echo "exit $?"; done'
    )
    place = ("--volume", f"{ROOT}/ingress:/etc/nginx/arloji:ro", "--tmpfs", "/tmp")
    command = ("bash", "-c", script, "bash", *wrong)
    image = project.image_of("ingress")
    said = project.run("docker", "run", "--rm", "--network", "none", *place, image, *command)
    sentences = said.splitlines()
    assert sentences[1::2] == ["exit 1"] * len(wrong)
    for network, sentence in zip(wrong, sentences[::2], strict=True):
        assert sentence.startswith(f"ingress: ARLOJI_TRUSTED_PROXIES: '{network}' is no network")


def test_with_tls_in_front_what_nginx_says_keeps_browsers_on_it(project: ComposeProject) -> None:
    ask = """
import json, urllib.error, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:8080/healthz", timeout=5)
except urllib.error.HTTPError as answer:
    print(json.dumps(answer.headers.get("Strict-Transport-Security")))
"""
    for secure, said in (("False", None), ("True", "max-age=31536000; includeSubDomains")):
        with nginx_alone(project, COOKIE_SECURE=secure) as nginx:
            assert nginx.probe(ask) == said


# Stands where the frontend stands, and says what it sees.
_MIRROR = """
import http.server, json, sys, threading, urllib.request
class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([name.lower() for name in self.headers]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 9000), Mirror)
threading.Thread(target=server.serve_forever, daemon=True).start()
request = urllib.request.Request("http://127.0.0.1:8080/", headers=json.loads(sys.argv[1]))
print(urllib.request.urlopen(request, timeout=10).read().decode())
"""


def test_what_a_client_says_about_itself_does_not_arrive(project: ComposeProject) -> None:
    """A second fence: the frontend drops all of it as well."""
    forged = {
        **{f"X-Forwarded-{what}": "evil.example" for what in ("For", "Host", "Port", "Prefix")},
        **dict.fromkeys(("X-Forwarded-Proto", "X-Forwarded-Server", "X-Real-IP"), "https"),
        "Forwarded": "for=203.0.113.9",
        "X-Arloji-Guest": str(uuid.uuid4()),
        "X-Arloji-Timeout-Ms": "1",
        "traceparent": f"00-{'1' * 32}-{'2' * 16}-01",
        **dict.fromkeys(("tracestate", "baggage"), "evil=1"),
    }
    with nginx_alone(project) as nginx:
        received = nginx.probe(_MIRROR, json.dumps(forged))
    assert "host" in received
    assert {name.lower() for name in forged} & set(received) == set()

"""A day of the shop's logs: what a real embedded run answered and wrote, with ids, times and
clients of its own for each request. The line of nginx, which that run does not have, is in the
ingress's format."""

import json
import random
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.edge_route import edge_route
from benchmarks.processes import shop
from local.layout import ROOT

_SECONDS_A_DAY = 86_400
# Of a visit, how many product pages; every third visit orders.
_PAGES, _ORDERS = 4, 3
# As browsers send them; the number is a version.
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0"
_AGENTS = (
    f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Safari/537.36",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 10; K) {_WEBKIT} Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
)
_IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|\b[0-9a-f]{16}\b")


@dataclass
class Request:
    """What was asked and answered, and the services' own lines about it."""

    method: str
    path: str
    status: int
    size: int
    seconds: float
    trace_id: str
    lines: list[dict[str, Any]] = field(default_factory=list)


def record(folder: Path, visits: int) -> list[Request]:
    """Visits of a real shop, one after the other."""
    found: list[Request] = []

    def note(answer: httpx.Response) -> httpx.Response:
        url, trace = answer.request.url, answer.headers["traceresponse"].split("-")[1]
        seconds, size = answer.elapsed.total_seconds(), len(answer.content)
        found.append(
            Request(answer.request.method, url.path, answer.status_code, size, seconds, trace)
        )
        return answer

    with shop(folder / "shop", "--no-telemetry") as running:
        for number in range(visits):
            with httpx.Client(base_url=running.url("frontend"), trust_env=False) as client:
                _visit(client, note, orders=number % _ORDERS == 0)
        _wait_for_lines(folder / "shop" / "log", found)
    return found


def _visit(client: httpx.Client, note: Any, *, orders: bool) -> None:
    note(client.get("/"))
    query = {"q": random.choice("abcdefgs"), "page": str(random.randint(1, 3))}
    products = note(client.get("/api/products", params=query)).json()["items"]
    products = products or client.get("/api/products").json()["items"]
    for product in random.choices(products, k=_PAGES):
        note(client.get(f"/products/{product['slug']}"))
    note(client.get("/nowhere" if random.random() < 0.1 else "/cart"))
    if not orders:
        return
    customer = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 12, Jakarta"}
    items = [{"product_id": products[0]["product_id"], "quantity": 1}]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    body = {"items": items, "customer": customer}
    answer = note(client.post("/api/orders", headers=key, json=body))
    note(client.get(answer.json()["status_url"]))


def _wait_for_lines(logs: Path, requests: list[Request]) -> None:
    """Each order has a line of the publisher and one of the consumer."""
    by_trace = {one.trace_id: one for one in requests}
    orders = [one for one in requests if one.status == 202]
    deadline = time.monotonic() + 60
    while not all(len(one.lines) >= 2 for one in orders) and time.monotonic() < deadline:
        time.sleep(0.2)
        for request in requests:
            request.lines.clear()
        for path in sorted(logs.glob("*.log")):
            for text in path.read_text().splitlines():
                line = json.loads(text) if text.startswith('{"time"') else {}
                if asked := by_trace.get(line.get("trace_id", "")):
                    asked.lines.append(line)


def multiply(recorded: list[Request], count: int, day: datetime) -> Iterator[tuple[str, str]]:
    """Writer and line, `count` requests spread over the day, in the order of time."""
    nginx = _Nginx()
    for number in range(count):
        request = random.choice(recorded)
        moment = day + timedelta(seconds=_SECONDS_A_DAY * (number + random.random()) / count)
        ids: dict[str, str] = {}
        seconds = round(request.seconds * random.lognormvariate(0, 0.5), 3)
        yield "nginx", _with_new_ids(nginx.line(request, moment, seconds), ids)
        for line in request.lines:
            time_ = (moment + timedelta(seconds=seconds / 2)).isoformat(timespec="milliseconds")
            yield line["service.name"], _with_new_ids(json.dumps(line | {"time": time_}), ids)


def _with_new_ids(text: str, known: dict[str, str]) -> str:
    """The same one for the same one, of the same shape."""

    def renew(match: re.Match[str]) -> str:
        old = match[0]
        if old not in known:
            new = str(uuid.uuid4())
            known[old] = new if "-" in old else new.replace("-", "")[: len(old)]
        return known[old]

    return _IDS.sub(renew, text)


class _Nginx:
    """Lines in the `log_format` of ingress/conf/log.conf."""

    def __init__(self) -> None:
        text = (ROOT / "ingress" / "conf" / "log.conf").read_text()
        statement = text.partition("log_format json escape=json")[2].partition("';\n")[0] + "'"
        self._format = "".join(re.findall(r"^\s*'(.*)'$", statement, re.MULTILINE))

    def line(self, request: Request, moment: datetime, seconds: float) -> str:
        upstream = max(0.0, seconds - 0.001)
        values = {
            "log_time": moment.astimezone(UTC).isoformat(timespec="milliseconds"),
            **{"level": "ERROR" if request.status >= 500 else "INFO", "status": request.status},
            **{"request_method": request.method, "known_method": request.method},
            **{"request_path": request.path, "route": edge_route(request.path)},
            **{"trace_id": request.trace_id, "status_number": request.status},
            **{"body_bytes_sent": request.size, "request_time": f"{seconds:.3f}"},
            **{"upstream_addr": "192.168.48.2:8080", "upstream_status": request.status},
            **{"upstream_connect_time": "0.000", "upstream_response_time": f"{upstream:.3f}"},
            "remote_addr": ".".join(str(random.randint(1, 254)) for _ in range(4)),
            "user_agent": random.choice(_AGENTS).format(random.randint(0, 6) + 140),
            "server_protocol": "HTTP/1.1",
        }
        return re.sub(r"\$(\w+)", lambda match: str(values[match[1]]), self._format)

"""A shop of one watch for load runs: quick, and as unwell as a test says."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WATCH = {"product_id": 7, "slug": "samudra-7", "brand": "Samudra", "price_idr": 5, "stock": 500}
_CATALOGUE = '<a href="/products/samudra-7"></a>'
_ORDER = "/orders/5f0c0e1e-0000-4000-8000-000000000001"
_FORM = '<form method="post" action="/orders"><input type="hidden" name="token" value="t">'
# How a request begins → what it is called, and the usual answer: status, text, location. The first
# that fits; the first two are what a load run asks for before it begins.
_ROUTES: dict[str, tuple[str, int, str, str]] = {
    "GET /api/products?page_size=100&page=2": ("known watches", 200, '{"items": []}', ""),
    "GET /api/products?": ("product list", 200, json.dumps({"items": [_WATCH]}), ""),
    "GET /api/products/": ("product", 200, json.dumps(_WATCH), ""),
    "POST /api/orders": ("order by program", 202, f'{{"status_url": "/api{_ORDER}"}}', ""),
    "GET /api/orders/": ("order status", 200, '{"status": "confirmed"}', ""),
    "GET /?q=": ("search page", 200, _CATALOGUE, ""),
    "GET /products/": ("product page", 200, '<article class="product">', ""),
    "GET /cart": ("cart page", 200, _FORM, ""),
    "POST /cart": ("cart change", 303, "", "/cart?added=7"),
    "POST /orders": ("order by form", 303, "", _ORDER),
    "GET /orders/": ("status page", 200, '<span class="status status-confirmed">', ""),
    "GET /": ("catalogue page", 200, _CATALOGUE, ""),
}


class Dropped(Exception):
    """The connection is closed without an answer."""


class FakeShop:
    """`faults` are by route; each may return a status and a text in place of the usual ones,
    sleep, or raise Dropped."""

    def __init__(self) -> None:
        self.url = ""
        self.faults: dict[str, Callable[[], tuple[int, str] | None]] = {}
        self.cookies: Counter[str] = Counter()
        self.first_visit = threading.Event()
        self._stalls_until = 0.0

    def stall(self, seconds: float) -> None:
        """No answer to anything that comes before this time is over."""
        self._stalls_until = time.monotonic() + seconds

    def answer(self, request: str) -> tuple[int, str, str]:
        """Status, text, location."""
        route = next(route for begin, route in _ROUTES.items() if request.startswith(begin))
        name, status, text, location = route
        time.sleep(max(self._stalls_until - time.monotonic(), 0))
        if (fault := self.faults.get(name)) and (instead := fault()):
            return (*instead, "")
        return status, text, location


def _handler(shop: FakeShop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers["User-Agent"] == "arloji-load":
                shop.cookies[self.headers["Cookie"] or ""] += 1
                shop.first_visit.set()
            try:
                status, text, location = shop.answer(f"{self.command} {self.path}")
            except Dropped:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Location", location)
            if "Cookie" not in self.headers:
                self.send_header("Set-Cookie", f"arloji_guest={id(self)}; Path=/; HttpOnly")
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    # All guests whom a stall has kept waiting come at once.
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A guest who has gone is nobody's error."""


@contextmanager
def fake_shop() -> Iterator[FakeShop]:
    shop = FakeShop()
    with _Server(("127.0.0.1", 0), _handler(shop)) as server:
        shop.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield shop
        finally:
            server.shutdown()
            thread.join()

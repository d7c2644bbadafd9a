"""What pages of another site can do to a customer of the shop, in a real browser: nothing."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.browser import Contexts, order, put_in_cart
from tests.stack import RunningStack

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PATHS = ("/cart", "/nothing", "/language", "/forget", "/api/orders")
FIELDS = {
    **{"action": "remove", "language": "en", "next": "/"},
    **{"lines": "5x1", "key": "k", "token": "t", "expected_total_idr": "1", "name": "Eve"},
}


INPUTS = "".join(f'<input name="{name}" value="{value}">' for name, value in FIELDS.items())
FORM = (
    f'<form method="post" action="TARGET" enctype="KIND">{INPUTS}</form>'
    "<script>onload = () => document.forms[0].submit()</script>"
)
# What another site's page may hold; TARGET is the address in the shop that it is aimed at.
ATTACKS = {
    "form": FORM,
    "form of plain text": FORM.replace("KIND", "text/plain"),
    "form of files": FORM.replace("KIND", "multipart/form-data"),
    "form without an origin": f'<meta name="referrer" content="no-referrer">{FORM}',
    "image": '<img src="TARGET?lang=en">',
    "script": '<script src="TARGET?lang=en"></script>',
    "style": '<link rel="stylesheet" href="TARGET?lang=en">',
    "frame": '<iframe src="TARGET?lang=en"></iframe>',
    "object": '<object data="TARGET?lang=en"></object>',
    "fetch": (
        "<script>fetch('TARGET', {method: 'POST', mode: 'no-cors', credentials: 'include',"
        " body: new URLSearchParams({action: 'remove'})})</script>"
    ),
    "link": '<a id="link" href="TARGET">a shop</a>',
}


class OtherSite:
    """Another site: `localhost` is none of the shop's names."""

    def __init__(self, port: int) -> None:
        self.url, self.html = f"http://localhost:{port}/", ""

    def visit(self, context: BrowserContext, attack: str, address: str) -> None:
        """Opens its page beside what is open, until the browser has the shop's answer; it may
        keep that from the page."""
        self.html = ATTACKS[attack].replace("TARGET", address)
        ended: list[str] = []
        page = context.new_page()
        page.on("response", lambda answer: ended.append(answer.url))
        page.on("requestfailed", lambda request: ended.append(request.url))
        page.goto(self.url, wait_until="commit")
        if attack == "link":
            page.click("#link")
        deadline = time.monotonic() + 30
        while not any(url.partition("?")[0] == address for url in ended):
            assert time.monotonic() < deadline, f"{attack} to {address} was never answered"
            page.wait_for_timeout(10)
        page.close()


@pytest.fixture(scope="module")
def other_site() -> Iterator[OtherSite]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f"<!doctype html><meta charset=utf-8>{site.html}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = OtherSite(server.server_port)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield site
        server.shutdown()


# To the first, Chromium says by Fetch Metadata who sends a request; to a name that is neither
# https nor this machine's own it does not, and only `Origin` is left.
@pytest.fixture(params=["127.0.0.1", "shop.example"])
def shop_url(request: pytest.FixtureRequest, stack: RunningStack) -> str:
    return f"http://{request.param}:{stack.port('frontend')}"


@pytest.fixture
def page(contexts: Contexts, shop_url: str) -> Page:
    return contexts.customer_of_another_site(shop_url)


def cookies_of(context: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in context.cookies()}  # type: ignore[typeddict-item]


def test_a_customer_keeps_orders_cart_and_language(
    page: Page, shop_url: str, other_site: OtherSite
) -> None:
    put_in_cart(page)
    order(page)
    put_in_cart(page, 1)
    page.get_by_role("button", name="Indonesia").click()
    held = cookies_of(page.context)
    assert len(held) == 5, held  # guest, checkout, cart, receipt and language
    for attack in ATTACKS:
        for path in PATHS if attack.startswith("form") else PATHS[:1]:
            other_site.visit(page.context, attack, shop_url + path)
            assert cookies_of(page.context) == held, f"{attack} to {path}"
    page.goto("/orders")
    expect(page.locator(".orders li")).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "id")
    page.goto("/cart")
    expect(page.locator(".basket-lines .line")).to_have_count(1)


def test_a_newcomer_gets_nothing_but_by_a_link_and_can_order_then(
    page: Page, shop_url: str, other_site: OtherSite
) -> None:
    for attack in [name for name in ATTACKS if name != "link"]:
        other_site.visit(page.context, attack, f"{shop_url}/cart")
        assert cookies_of(page.context) == {}, attack
    other_site.visit(page.context, "link", f"{shop_url}/")
    (guest,) = cookies_of(page.context)
    assert "guest" in guest
    put_in_cart(page)
    order(page)

"""The pages of orders: what became of one, and the list of them, for their guest alone."""

import re
import uuid

import pytest
from starlette.responses import JSONResponse

from tests.integration.frontend.browsing import CUSTOMER, Browser, Page, rupiah
from tests.integration.frontend.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODYS_ORDER = uuid.UUID("5f2c8a3e-9d0b-4e6c-8a11-7c1f0c7a9b42")


async def place(browser: Browser, *product_ids: int, **quantities: int) -> str:
    """The address of the order's page."""
    for product_id in product_ids or (5,):
        page = await browser.put_in_cart(product_id, quantities.get(f"_{product_id}", 1))
    answer = await browser.submit(page.form("/orders"), **CUSTOMER)
    location: str = answer.headers["location"]
    return location


def settle(gateway: ScriptedGateway, address: str, status: str, reason: str | None = None) -> None:
    gateway.settle(address.rpartition("/")[2], status, reason)


def links_to(page: Page, start: str) -> list[str]:
    return [link for link in page.links if re.match(f"/{start}/.", link)]


async def test_the_order_page_follows_the_order(browser: Browser) -> None:
    address = await place(browser)
    order_id = address.rpartition("/")[2]
    page = await browser.get(address)
    assert "Diterima, sedang diproses" in page.text
    assert '<noscript><meta http-equiv="refresh" content="2">' in page.html
    assert f'data-order="/api/orders/{order_id}"' in page.html
    assert browser.gateway.products[5].name in page.text
    assert f"http://127.0.0.1:4318/orders/{order_id}" in page.links
    assert page.headers["cache-control"] == "no-store"
    browser.gateway.settle(order_id, "confirmed")
    page = await browser.get(address)
    assert "Dikonfirmasi" in page.title
    assert rupiah(browser.gateway.products[5].price_idr) in page.text
    assert "http-equiv" not in page.html, "an end needs no following"


@pytest.mark.parametrize(
    ("status", "reason", "indonesian", "english"),
    [
        ("rejected", "out_of_stock", "keburu habis", "was sold out"),
        ("rejected", "unknown_product", "tidak ada di katalog", "not in the catalogue"),
        ("rejected", "price_changed", "Harga berubah", "A price changed"),
        ("rejected", "dropped", "dibatalkan", "cancelled"),
        ("accepted", "held", "sedang diperiksa", "being looked at"),
    ],
)
async def test_every_end_is_told_in_words(
    browser: Browser, status: str, reason: str, indonesian: str, english: str
) -> None:
    address = await place(browser)
    settle(browser.gateway, address, status, reason)
    for language, text in (("id", indonesian), ("en", english)):
        page = await browser.get(f"{address}?lang={language}")
        assert text in page.text
        assert reason not in page.text
        held = '<noscript><meta http-equiv="refresh" content="30">'
        assert (held in page.html) is (reason == "held"), "a person looks at it; others have ended"
    assert address in (await browser.get("/orders")).links
    can_be_repeated = [form for form in page.forms if form.fields.get("action") == "refill"]
    assert bool(can_be_repeated) is (status == "rejected" and reason != "dropped")


async def test_the_order_page_says_what_was_agreed_to_and_where_it_goes(
    browser: Browser, stranger: Browser
) -> None:
    browser.gateway.change_product(9, price_idr=1_234_567)
    address = await place(browser, 9, 5, _9=3)
    page = await browser.get(address)
    total = 3 * 1_234_567 + browser.gateway.products[5].price_idr
    for text in ("Jl. Merdeka 1 Bandung", "Sari Wulandari", rupiah(1_234_567), rupiah(3_703_701)):
        assert text in page.text
    assert f"Total {rupiah(total)}" in page.text
    # Another order, and whoever else gets hold of the cookie, are told nothing of it.
    other = await place(browser)
    assert "Jl. Merdeka" not in (await browser.get(address)).text
    assert "Jl. Merdeka" in (await browser.get(other)).text
    await stranger.get("/")
    stranger.http.cookies.set("arloji_receipt", browser.http.cookies["arloji_receipt"])
    cart = await stranger.put_in_cart(5)
    assert cart.form("/orders").fields["name"] == ""


async def test_lines_of_an_order_stand_as_they_stood_in_the_cart(browser: Browser) -> None:
    for product_id in (17, 9, 2, 5):
        cart = await browser.put_in_cart(product_id)
    address = (await browser.submit(cart.form("/orders"), **CUSTOMER)).headers["location"]
    for status in ("accepted", "confirmed"):
        settle(browser.gateway, address, status)
        assert links_to(await browser.get(address), "products") == links_to(cart, "products")


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("out_of_stock", "Hanya tersisa 2"),
        ("out_of_stock", "Sedang habis"),
        ("price_changed", "Kini Rp 1.234.567"),
        ("unknown_product", "Tidak dijual lagi"),
    ],
)
async def test_a_rejected_order_names_its_line_and_fills_the_cart_again(
    browser: Browser, reason: str, text: str
) -> None:
    address = await place(browser, 5, 9, _5=3)
    browser.gateway.change_product(9, stock=1)
    if reason == "out_of_stock":
        browser.gateway.change_product(5, stock=2 if "2" in text else 0)
    elif reason == "price_changed":
        browser.gateway.change_product(5, price_idr=1_234_567)
    else:
        del browser.gateway.products[5]
    settle(browser.gateway, address, "rejected", reason)
    page = await browser.get(address)
    assert page.html.count("line-warning") == 1, "one line is in the way, the other is not"
    for expected in (text, "Tidak ada yang ditagih"):
        assert expected in page.text
    assert ("hari ini Rp" in page.text) is (reason != "unknown_product"), "of all lines or none"
    for _ in range(2):
        answer = await browser.submit(page.form("/cart", action="refill"))
    cart = await browser.follow(answer)
    assert "4 buah" in cart.text, "pressed twice, filled once"
    if reason == "price_changed":
        total_now = 3 * 1_234_567 + browser.gateway.products[9].price_idr
        assert f"hari ini {rupiah(total_now)}" in page.text
        form = cart.form("/orders")
        assert form.fields["name"] == CUSTOMER["name"]
        assert (await browser.submit(form)).status == 303
        assert len(browser.gateway.orders) == 2
    else:
        assert text.lower() in cart.text.lower()


async def test_an_order_is_shown_even_if_its_watches_cannot_be_named(browser: Browser) -> None:
    address = await place(browser)
    browser.gateway.answers["GET /api/products"] = lambda: problem(503)
    page = await browser.get(address)
    assert page.status == 200
    assert "Produk nomor 5" in page.text
    settle(browser.gateway, address, "rejected", "out_of_stock")
    page = await browser.get(address)
    assert "line-warning" not in page.html, "no line is blamed if nobody can say"
    assert page.form("/cart", action="refill")


@pytest.mark.parametrize("order_id", ["1", "x", "%00", "<b>", str(NOBODYS_ORDER), "{id.hex}"])
async def test_what_is_no_order_of_ones_own_is_not_found(
    browser: Browser, stranger: Browser, order_id: str
) -> None:
    address = await place(browser)
    spelled = order_id.format(id=uuid.UUID(address.rpartition("/")[2]))
    assert (await browser.get(f"/orders/{spelled}")).status == 404
    browser.gateway.calls.clear()
    for asked in ([], [f"/api{address}"]):  # without a cookie, with one
        assert (await stranger.get(address)).status == 404
        assert [call.path for call in browser.gateway.calls] == asked
    assert "Belum ada pesanan" in (await stranger.get("/orders")).text


async def test_an_order_that_cannot_be_looked_up_now_is_no_missing_one(browser: Browser) -> None:
    address = await place(browser)
    browser.gateway.answers[f"GET /api{address}"] = lambda: problem(503, Retry_After="2")
    await place(browser, 5)  # so that this browser remembers another one
    page = await browser.get(address)
    assert (page.status, page.headers["retry-after"]) == (503, "2")
    assert address in page.links, "to be tried again"


async def test_orders_are_listed_newest_first_by_their_watches(browser: Browser) -> None:
    first, second = await place(browser), await place(browser, 5, 9, _5=2)
    settle(browser.gateway, second, "confirmed")
    page = await browser.get("/orders")
    assert links_to(page, "orders") == [second, first]
    assert f"{browser.gateway.products[5].name} dan 1 lainnya" in page.text
    total = 2 * browser.gateway.products[5].price_idr + browser.gateway.products[9].price_idr
    assert f"WIB · 3 buah · {rupiah(total)} Dikonfirmasi" in page.text
    browser.gateway.answers["GET /api/products"] = lambda: problem(503)
    assert "Produk nomor 5 dan 1 lainnya" in (await browser.get("/orders")).text


@pytest.mark.parametrize("count", [99, 100])
async def test_a_list_that_may_have_been_cut_says_so(browser: Browser, count: int) -> None:
    await place(browser)
    (order,) = browser.gateway.orders.values()
    orders = [
        {**order, "order_id": str(uuid.uuid4()), "items": [{**order["items"][0], "product_id": n}]}
        for n in range(1, count + 1)
    ]
    browser.gateway.answers["GET /api/orders"] = lambda: JSONResponse({"items": orders})
    page = await browser.get("/orders")
    assert len(links_to(page, "orders")) == count
    assert ("100 pesanan terbaru" in page.text) is (count == 100)
    assert browser.gateway.products[count].name in page.text, "all of them are named"

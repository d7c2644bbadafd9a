"""The order form: one order however often it is sent, and nothing typed is ever lost."""

import asyncio
import json
import re
import uuid
from html import escape

import pytest
from starlette.responses import JSONResponse, Response

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderRequest
from tests.integration.frontend.browsing import Browser, Form, Page
from tests.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER = {
    "name": "Sari Wulandari",
    "email": "sari@example.com",
    "address": "Jl. Merdeka 1\nBandung",
}
RECEIPT = "arloji_receipt"
FIXED = ("key", "lines", "expected_total_idr")
NOBODYS_ORDER = uuid.UUID("5f2c8a3e-9d0b-4e6c-8a11-7c1f0c7a9b42")


async def open_form(browser: Browser, *product_ids: int) -> Form:
    for product_id in product_ids or (5,):
        page = await browser.put_in_cart(product_id)
    return page.form("/orders")


def assert_form_is_kept(page: Page, form: Form, **typed: str) -> None:
    again = page.form("/orders").fields
    assert {name: again[name] for name in FIXED} == {name: form.fields[name] for name in FIXED}
    assert {name: again[name] for name in typed} == typed


async def test_the_order_is_what_the_page_showed(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    await browser.put_in_cart(5, 2)
    form = await open_form(browser, 9)
    # Whatever happens to cart and prices in between, the form speaks for itself.
    total = 2 * gateway.products[5].price_idr + gateway.products[9].price_idr
    gateway.change_product(5, price_idr=1)
    await browser.put_in_cart(33)
    answer = await browser.submit(form, **CUSTOMER)
    (call,) = gateway.calls_to("POST", "/api/orders")
    order = OrderRequest.model_validate_json(call.body)
    assert {line.product_id: line.quantity for line in order.items} == {5: 2, 9: 1}
    assert order.expected_total_idr == total
    assert order.customer.model_dump() == CUSTOMER
    assert call.all(IDEMPOTENCY_KEY) == [form.fields["key"]]
    assert answer.status == 303
    assert re.fullmatch(r"/orders/[0-9a-f-]{36}", answer.headers["location"])


async def test_ordered_lines_leave_the_cart_and_others_stay(browser: Browser) -> None:
    form = await open_form(browser, 5)
    await browser.put_in_cart(9)
    await browser.submit(form, **CUSTOMER)
    cart = await browser.get("/cart")
    assert cart.form("/orders").fields["lines"] == "9x1"


async def test_a_double_click_is_one_order(browser: Browser, gateway: ScriptedGateway) -> None:
    form = await open_form(browser)
    answers = await asyncio.gather(*(browser.submit(form, **CUSTOMER) for _ in range(5)))
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(gateway.orders) == 1


async def test_going_back_and_sending_again_is_the_same_order(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    first = await browser.submit(form, **CUSTOMER)
    assert (await browser.submit(form, **CUSTOMER)).headers["location"] == first.headers["location"]
    assert len(gateway.orders) == 1


async def test_a_cart_loaded_anew_after_a_lost_answer_is_the_same_order(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    cookies = list(browser.http.cookies.jar)
    first = await browser.submit(form, **CUSTOMER)
    # The answer never arrived: neither its address nor its cookies.
    browser.http.cookies.clear()
    for cookie in cookies:
        browser.http.cookies.jar.set_cookie(cookie)
    again = (await browser.get("/cart")).form("/orders")
    assert again.fields == form.fields
    assert (await browser.submit(again, **CUSTOMER)).headers["location"] == first.headers[
        "location"
    ]
    assert len(gateway.orders) == 1


async def test_the_same_watches_ordered_a_second_time_are_a_second_order(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    for _ in range(2):
        await browser.submit(await open_form(browser), **CUSTOMER)
    assert len(gateway.orders) == 2


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"email": "sari"},
        {"address": " "},
        {"name": "x" * 101, "email": "", "address": "y" * 501},
        {"name": "<script>alert(1)</script>\nx", "email": "<b>@x"},
        {"address": "\x00\x1b[31m"},
    ],
)
async def test_what_is_wrong_is_named_and_what_was_typed_is_kept(
    browser: Browser, gateway: ScriptedGateway, wrong: dict[str, str], language: str
) -> None:
    await browser.get(f"/?lang={language}")
    form = await open_form(browser)
    typed = {**CUSTOMER, **wrong}
    page = await browser.submit(form, **typed)
    assert page.status == 422
    assert page.language == language
    assert gateway.calls_to("POST", "/api/orders") == []
    assert_form_is_kept(page, form, **typed)
    for field in CUSTOMER:
        invalid = page.attributes[field].get("aria-invalid") == "true"
        assert invalid is (field in wrong)
        if invalid:
            assert f"#{field}" in page.links
            assert f"{field}-error" in page.attributes[field]["aria-describedby"].split()
            assert f"{field}-error" in page.attributes


async def test_the_language_of_a_refused_form_changes_and_nothing_else(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    typed = {**CUSTOMER, "email": "sari"}
    page = await browser.submit(form, **typed)
    # What was corrected meanwhile is not sent back to the start either.
    page = await browser.press(page.button("language", "en"), name="Wulan")
    assert page.language == "en"
    assert "1 field needs a correction" in page.text
    assert_form_is_kept(page, form, **{**typed, "name": "Wulan"})
    assert gateway.calls_to("POST", "/api/orders") == []
    cart = await browser.get("/cart")
    assert cart.language == "en"
    assert_form_is_kept(cart, form, **{**typed, "name": "Wulan"})


async def test_a_refused_form_shows_what_its_lines_cost(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    gateway.change_product(5, price_idr=1_234_567)
    await browser.put_in_cart(5, 3)
    page = await browser.submit(await open_form(browser, 9), **{**CUSTOMER, "name": ""})
    assert "Rp 1.234.567" in page.text
    assert "Rp 3.703.701" in page.text


@pytest.mark.parametrize("quantity", ["3", "0", "x"])
async def test_what_is_ordered_is_what_the_page_showed(
    browser: Browser, gateway: ScriptedGateway, quantity: str
) -> None:
    await browser.put_in_cart(9)
    form = await open_form(browser, 5)
    stopped = await browser.submit(form, **CUSTOMER, **{"quantity-5": quantity})
    assert gateway.calls_to("POST", "/api/orders") == []
    if quantity == "3":
        stopped = await browser.follow(stopped)
        assert "Silakan lihat sekali lagi" in stopped.text
        total = 3 * gateway.products[5].price_idr + gateway.products[9].price_idr
        assert f"Rp {total:,}".replace(",", ".") in stopped.text
    else:
        assert stopped.status == 422
        stopped.form("/orders").fields["quantity-5"] = "3"
        stopped = await browser.follow(await browser.press(stopped.button("update")))
    form = stopped.form("/orders")
    assert {name: form.fields[name] for name in CUSTOMER} == CUSTOMER
    assert (await browser.submit(form)).status == 303
    (call,) = gateway.calls_to("POST", "/api/orders")
    order = OrderRequest.model_validate_json(call.body)
    assert {line.product_id: line.quantity for line in order.items} == {5: 3, 9: 1}


async def test_a_corrected_form_is_accepted(browser: Browser, gateway: ScriptedGateway) -> None:
    form = await open_form(browser)
    page = await browser.submit(form, **{**CUSTOMER, "email": "sari"})
    assert (await browser.submit(page.form("/orders"), **CUSTOMER)).status == 303
    (call,) = gateway.calls_to("POST", "/api/orders")
    assert call.all(IDEMPOTENCY_KEY) == [form.fields["key"]]


async def test_fields_say_what_browsers_may_fill_in(browser: Browser) -> None:
    await browser.put_in_cart(5)
    page = await browser.get("/cart")
    assert {name: page.attributes[name]["autocomplete"] for name in CUSTOMER} == {
        "name": "name",
        "email": "email",
        "address": "street-address",
    }


@pytest.mark.parametrize(
    ("status", "slug", "text"),
    [
        (422, "idempotency-key-reused", "pesanan pertama itu yang berlaku"),
        (422, "unprocessable", "Mulailah lagi dari keranjang"),
        (429, "too-many-requests", "Terlalu banyak pesanan"),
        (502, "bad-gateway", "Mungkin pesanan sudah diterima"),
        (503, "service-unavailable", "sedang tidak sanggup menerima"),
        (504, "deadline-passed", "Mungkin pesanan sudah diterima"),
    ],
)
async def test_a_failure_keeps_the_form_and_its_key(
    browser: Browser, gateway: ScriptedGateway, status: int, slug: str, text: str
) -> None:
    form = await open_form(browser)
    gateway.answers["POST /api/orders"] = lambda: problem(status, slug, Retry_After="3")
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == status
    assert text in page.text
    assert_form_is_kept(page, form, **CUSTOMER)
    assert page.headers.get("retry-after") == ("3" if status in {429, 503} else None)
    gateway.answers.clear()
    assert (await browser.submit(page.form("/orders"))).status == 303
    assert len(gateway.orders) == 1
    keys = {key for call in gateway.calls for key in call.all(IDEMPOTENCY_KEY)}
    assert keys == {form.fields["key"]}


WAYS_BACK = ["the page", "the page in the other language", "the cart", "the cart, changed back"]


@pytest.mark.parametrize("way", WAYS_BACK)
@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_order_that_was_taken_after_all_stays_one_order(
    browser: Browser, gateway: ScriptedGateway, status: int, way: str
) -> None:
    form = await open_form(browser)

    def take_and_fail() -> Response:
        gateway.accept(gateway.calls[-1])
        return problem(status)

    gateway.answers["POST /api/orders"] = take_and_fail
    page = await browser.submit(form, **CUSTOMER)
    assert (page.status, len(gateway.orders)) == (status, 1)
    gateway.answers.clear()
    if way == "the page in the other language":
        page = await browser.press(page.button("language", "en"))
        assert "This order needs your attention" in page.text
    elif way != "the page":
        page = await browser.get("/cart")
    if way == "the cart, changed back":
        for quantity in ("2", "1"):
            changed = await browser.press(page.button("update"), **{"quantity-5": quantity})
            page = await browser.follow(changed)
    assert_form_is_kept(page, form, **CUSTOMER)
    assert (await browser.submit(page.form("/orders"))).status == 303
    assert len(gateway.orders) == 1


async def test_after_a_reused_key_the_cart_offers_a_new_order(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    gateway.answers["POST /api/orders"] = lambda: problem(422, "idempotency-key-reused")
    await browser.submit(form, **CUSTOMER)
    assert (await browser.get("/cart")).form("/orders").fields["key"] != form.fields["key"]


async def test_a_gateway_that_says_nothing_ends_in_a_form_that_can_be_sent_again(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    gateway.silence = asyncio.Event()
    page = await browser.submit(form, **CUSTOMER)
    gateway.silence.set()
    assert page.status == 504
    assert "aman" in page.text
    assert_form_is_kept(page, form, **CUSTOMER)


async def test_the_form_comes_back_even_if_its_watches_cannot_be_named(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    for path in ("POST /api/orders", "GET /api/products"):
        gateway.answers[path] = lambda: problem(503)
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == 503
    assert "Produk nomor 5" in page.text
    assert_form_is_kept(page, form, **CUSTOMER)


async def test_a_changed_price_is_told_when_the_form_comes_back(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    agreed = f"Rp {gateway.products[5].price_idr:,}".replace(",", ".")
    gateway.change_product(5, price_idr=123_000)
    page = await browser.submit(form, **{**CUSTOMER, "name": ""})
    assert f"{agreed} {agreed}" in page.text, "the lines are those of the form"
    assert "Harga sudah berubah" in page.text
    assert "Rp 123.000" in page.text
    assert_form_is_kept(page, form)


async def test_a_guest_without_a_cookie_gets_the_form_back_with_one(
    browser: Browser, stranger: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    page = await stranger.submit(form, **CUSTOMER)
    assert page.status == 401
    assert "kuki" in page.text
    assert gateway.calls_to("POST", "/api/orders") == []
    assert_form_is_kept(page, form, **CUSTOMER)
    # Pressing the button again, now with the cookie of that answer, orders.
    assert (await stranger.submit(page.form("/orders"))).status == 303
    (call,) = gateway.calls_to("POST", "/api/orders")
    assert call.all(GUEST) == [stranger.http.cookies["arloji_guest"].split(".")[0]]


async def test_the_form_of_another_guest_orders_nothing_unasked(
    browser: Browser, stranger: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    await stranger.get("/")
    for token in (form.fields["token"], "", "x", "é" * 200):
        page = await stranger.submit(form, **CUSTOMER, token=token)
        assert page.status == 403
        assert_form_is_kept(page, form, **CUSTOMER)
    assert gateway.calls_to("POST", "/api/orders") == []
    assert (await stranger.submit(page.form("/orders"))).status == 303


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize("value", ["", "<script>", "1x1-1x1", "9" * 40, "\x00", "'", "-1"])
async def test_a_damaged_form_is_refused_and_orders_nothing(
    browser: Browser, gateway: ScriptedGateway, name: str, value: str
) -> None:
    form = await open_form(browser)
    page = await browser.submit(form, **CUSTOMER, **{name: value})
    if name == "key" and value.isprintable() and value:
        assert page.status == 303, "an odd key is the guest's own affair"
    else:
        assert page.status == 400
        assert gateway.calls_to("POST", "/api/orders") == []


async def place(browser: Browser) -> str:
    """The address of the order's page."""
    answer = await browser.submit(await open_form(browser), **CUSTOMER)
    location: str = answer.headers["location"]
    return location


async def test_the_order_page_follows_the_order(browser: Browser, gateway: ScriptedGateway) -> None:
    address = await place(browser)
    order_id = address.rpartition("/")[2]
    page = await browser.get(address)
    assert "Diterima, sedang diproses" in page.text
    assert '<noscript><meta http-equiv="refresh" content="2">' in page.html
    assert f'data-order="/api/orders/{order_id}"' in page.html
    assert gateway.products[5].name in page.text
    assert f"http://127.0.0.1:4318/orders/{order_id}" in page.links
    assert page.headers["cache-control"] == "no-store"
    gateway.settle(order_id, "confirmed")
    page = await browser.get(address)
    assert "Dikonfirmasi" in page.title
    assert f"Rp {gateway.products[5].price_idr:,}".replace(",", ".") in page.text
    assert "http-equiv" not in page.html, "an end needs no following"


@pytest.mark.parametrize("language", ["id", "en"])
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
    browser: Browser,
    gateway: ScriptedGateway,
    status: str,
    reason: str,
    indonesian: str,
    english: str,
    language: str,
) -> None:
    address = await place(browser)
    gateway.settle(address.rpartition("/")[2], status, reason)
    page = await browser.get(f"{address}?lang={language}")
    assert (indonesian if language == "id" else english) in page.text
    assert reason not in page.text
    held = '<noscript><meta http-equiv="refresh" content="30">'
    assert (held in page.html) is (reason == "held"), "a person looks at it; others have ended"
    listed = await browser.get("/orders")
    assert address in listed.links


async def test_the_order_page_says_what_was_agreed_to_and_where_it_goes(
    browser: Browser, stranger: Browser, gateway: ScriptedGateway
) -> None:
    gateway.change_product(9, price_idr=1_234_567)
    await browser.put_in_cart(9, 3)
    form = await open_form(browser, 5)
    answer = await browser.submit(form, **CUSTOMER)
    page = await browser.follow(answer)
    total = 3 * 1_234_567 + gateway.products[5].price_idr
    shown = ("Jl. Merdeka 1 Bandung", "Sari Wulandari", "Rp 1.234.567", "Rp 3.703.701")
    for text in (*shown, f"Total Rp {total:,}".replace(",", ".")):
        assert text in page.text
    # Another order, and whoever else gets hold of the cookie, are told nothing of it.
    other = await place(browser)
    assert "Jl. Merdeka" not in (await browser.get(answer.headers["location"])).text
    receipt = browser.http.cookies[RECEIPT]
    await stranger.get("/")
    stranger.http.cookies.set(RECEIPT, receipt)
    await stranger.put_in_cart(5)
    page = await stranger.get("/cart")
    assert page.form("/orders").fields["name"] == ""
    assert "Jl. Merdeka" in (await browser.get(other)).text
    for cookie in (receipt[:-4], "x", "é", f"{receipt}.{receipt}", "x" * 5000):
        await browser.get("/cart", headers={"Cookie": f"{RECEIPT}={cookie}".encode("latin-1")})


async def test_lines_of_an_order_stand_as_they_stood_in_the_cart(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser, 17, 9, 2, 5)
    cart = await browser.get("/cart")
    placed = await browser.submit(form, **CUSTOMER)

    def names(page: Page) -> list[str]:
        return [link for link in page.links if link.startswith("/products/")]

    assert names(await browser.follow(placed)) == names(cart)
    gateway.settle(placed.headers["location"].rpartition("/")[2], "confirmed")
    assert names(await browser.follow(placed)) == names(cart)


@pytest.mark.parametrize("reason", ["out_of_stock", "price_changed", "unknown_product"])
async def test_a_rejected_order_names_its_line_and_fills_the_cart_again(
    browser: Browser, gateway: ScriptedGateway, reason: str
) -> None:
    await browser.put_in_cart(5, 3)
    answer = await browser.submit(await open_form(browser, 9), **CUSTOMER)
    address = answer.headers["location"]
    if reason == "out_of_stock":
        gateway.change_product(5, stock=2)
        text = "Hanya tersisa 2"
    elif reason == "price_changed":
        gateway.change_product(5, price_idr=1_234_567)
        text = "Kini Rp 1.234.567"
        total_now = 3 * 1_234_567 + gateway.products[9].price_idr
    else:
        del gateway.products[5]
        text = "Tidak dijual lagi"
    gateway.settle(address.rpartition("/")[2], "rejected", reason)
    page = await browser.get(address)
    assert page.html.count("line-warning") == 1, "one line is in the way, the other is not"
    assert text in page.text
    assert "Tidak ada yang ditagih" in page.text
    assert ("hari ini Rp" in page.text) is (reason != "unknown_product"), "of all lines or none"
    for _ in range(2):
        answer = await browser.submit(page.form("/cart", action="refill"))
    cart = await browser.follow(answer)
    assert "4 buah" in cart.text, "pressed twice, filled once"
    assert (text.lower() in cart.text.lower()) is (reason != "price_changed")
    if reason == "price_changed":
        assert f"hari ini Rp {total_now:,}".replace(",", ".") in page.text
        form = cart.form("/orders")
        assert form.fields["name"] == CUSTOMER["name"]
        assert (await browser.submit(form)).status == 303
        assert len(gateway.orders) == 2


async def test_a_rejected_order_blames_no_line_if_nobody_can_say(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    address = await place(browser)
    gateway.settle(address.rpartition("/")[2], "rejected", "out_of_stock")
    gateway.answers["GET /api/products"] = lambda: problem(503)
    page = await browser.get(address)
    assert "line-warning" not in page.html
    assert page.form("/cart", action="refill")


async def test_an_order_is_shown_even_if_its_watches_cannot_be_named(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    address = await place(browser)
    gateway.answers["GET /api/products"] = lambda: problem(503)
    page = await browser.get(address)
    assert page.status == 200
    assert "Produk nomor 5" in page.text


async def test_nobody_sees_another_guests_orders(browser: Browser, stranger: Browser) -> None:
    address = await place(browser)
    assert (await stranger.get(address)).status == 404, "without a cookie"
    assert (await stranger.get(address)).status == 404, "with one"
    assert "Belum ada pesanan" in (await stranger.get("/orders")).text
    assert address in (await browser.get("/orders")).links


@pytest.mark.parametrize("order_id", ["1", "x", "%00", "<b>", str(NOBODYS_ORDER)])
async def test_what_is_no_order_is_not_found(browser: Browser, order_id: str) -> None:
    assert (await browser.get(f"/orders/{order_id}")).status == 404


@pytest.mark.parametrize("spelling", ["{hex}", "{{{id}}}", "urn:uuid:{id}"])
async def test_an_order_has_one_address(browser: Browser, spelling: str) -> None:
    order_id = uuid.UUID((await place(browser)).rpartition("/")[2])
    spelled = spelling.format(id=order_id, hex=order_id.hex)
    assert (await browser.get(f"/orders/{spelled}")).status == 404


async def test_an_order_that_cannot_be_looked_up_now_is_no_missing_one(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    address = await place(browser)
    gateway.answers[f"GET /api{address}"] = lambda: problem(503, Retry_After="2")
    page = await browser.get(address)
    assert page.status == 503
    assert address in page.links, "to be tried again"


async def test_orders_are_listed_newest_first(browser: Browser) -> None:
    first = await place(browser)
    second = await place(browser)
    page = await browser.get("/orders")
    assert [link for link in page.links if re.match("/orders/.", link)] == [second, first]


async def test_listed_orders_name_their_watches(browser: Browser, gateway: ScriptedGateway) -> None:
    await browser.put_in_cart(5, 2)
    await browser.submit(await open_form(browser, 9), **CUSTOMER)
    (order,) = gateway.orders.values()
    gateway.settle(order["order_id"], "confirmed")
    page = await browser.get("/orders")
    assert f"{gateway.products[5].name} dan 1 lainnya" in page.text
    total = 2 * gateway.products[5].price_idr + gateway.products[9].price_idr
    assert f"WIB · 3 buah · Rp {total:,} Dikonfirmasi".replace(",", ".") in page.text
    gateway.answers["GET /api/products"] = lambda: problem(503)
    assert "Produk nomor 5 dan 1 lainnya" in (await browser.get("/orders")).text


@pytest.mark.parametrize("count", [99, 100])
async def test_a_list_that_may_have_been_cut_says_so(
    browser: Browser, gateway: ScriptedGateway, count: int
) -> None:
    await place(browser)
    (order,) = gateway.orders.values()
    orders = [
        {**order, "order_id": str(uuid.uuid4()), "items": [{**order["items"][0], "product_id": n}]}
        for n in range(1, count + 1)
    ]
    gateway.answers["GET /api/orders"] = lambda: JSONResponse({"items": orders})
    page = await browser.get("/orders")
    assert len([link for link in page.links if re.match("/orders/.", link)]) == count
    assert ("100 pesanan terbaru" in page.text) is (count == 100)
    assert gateway.products[count].name in page.text, "all of them are named"


async def test_personal_data_is_shown_escaped_and_goes_to_the_gateway_only(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    name = '<i>Sari</i> & "co"'
    page = await browser.submit(form, **{**CUSTOMER, "name": name, "email": ""})
    assert escape(name, quote=False).replace('"', "&#34;") in page.html
    await browser.submit(page.form("/orders"), email="sari@example.com")
    (call,) = gateway.calls_to("POST", "/api/orders")
    assert json.loads(call.body)["customer"]["name"] == name
    assert "cookie" not in dict(call.headers), "notes in the browser are the frontend's alone"
    assert "arloji_cart" not in browser.http.cookies
    assert "arloji_draft" not in browser.http.cookies


async def test_an_accepted_answer_that_cannot_be_read_may_be_asked_for_again(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    form = await open_form(browser)
    gateway.answers["POST /api/orders"] = lambda: Response(b"", 202)
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == 502
    assert_form_is_kept(page, form, **CUSTOMER)

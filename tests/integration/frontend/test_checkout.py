"""The order form: one order however often it is sent, and nothing typed is ever lost."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from html import escape

import pytest
from starlette.responses import Response

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.orders import OrderRequest
from tests.integration.frontend.browsing import CUSTOMER, Browser, Form, Page, rupiah
from tests.integration.frontend.scripted_gateway import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIXED = ("key", "lines", "expected_total_idr")


async def open_form(browser: Browser, *product_ids: int) -> Form:
    for product_id in product_ids or (5,):
        page = await browser.put_in_cart(product_id)
    return page.form("/orders")


def assert_form_is_kept(page: Page, form: Form, **typed: str) -> None:
    again = page.form("/orders").fields
    assert {name: again[name] for name in FIXED} == {name: form.fields[name] for name in FIXED}
    assert {name: again[name] for name in typed} == typed


async def test_the_order_is_what_the_page_showed(browser: Browser) -> None:
    await browser.put_in_cart(5, 2)
    form = await open_form(browser, 9)
    # Whatever happens to cart and prices in between, the form speaks for itself.
    total = 2 * browser.gateway.products[5].price_idr + browser.gateway.products[9].price_idr
    browser.gateway.change_product(5, price_idr=1)
    await browser.put_in_cart(33)
    answer = await browser.submit(form, **CUSTOMER)
    (call,) = browser.gateway.calls_to("POST", "/api/orders")
    order = OrderRequest.model_validate_json(call.body)
    assert {line.product_id: line.quantity for line in order.items} == {5: 2, 9: 1}
    assert order.expected_total_idr == total
    assert order.customer.model_dump() == CUSTOMER
    assert call.all(IDEMPOTENCY_KEY) == [form.fields["key"]]
    assert call.all(GUEST) == [browser.http.cookies["arloji_guest"].split(".")[0]]
    assert answer.status == 303
    assert re.fullmatch(r"/orders/[0-9a-f-]{36}", answer.headers["location"])
    cart = await browser.get("/cart")
    assert cart.form("/orders").fields["lines"] == "33x1", "what was ordered leaves the cart"


async def send_five_times_at_once(browser: Browser, form: Form) -> list[Page]:
    return await asyncio.gather(*(browser.submit(form, **CUSTOMER) for _ in range(5)))


async def go_back_and_send(browser: Browser, form: Form) -> list[Page]:
    return [await browser.submit(form, **CUSTOMER) for _ in range(2)]


async def lose_the_answer_and_load_the_cart_anew(browser: Browser, form: Form) -> list[Page]:
    cookies = list(browser.http.cookies.jar)
    first = await browser.submit(form, **CUSTOMER)
    # Neither its address nor its cookies have arrived.
    browser.http.cookies.clear()
    for cookie in cookies:
        browser.http.cookies.jar.set_cookie(cookie)
    again = (await browser.get("/cart")).form("/orders")
    assert again.fields == form.fields
    return [first, await browser.submit(again, **CUSTOMER)]


@pytest.mark.parametrize(
    "send", [send_five_times_at_once, go_back_and_send, lose_the_answer_and_load_the_cart_anew]
)
async def test_one_form_is_one_order_and_the_next_form_another(
    browser: Browser, send: Callable[[Browser, Form], Awaitable[list[Page]]]
) -> None:
    answers = await send(browser, await open_form(browser))
    assert {answer.status for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(browser.gateway.orders) == 1
    await browser.submit(await open_form(browser), **CUSTOMER)
    assert len(browser.gateway.orders) == 2, "the same watches, ordered again"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": ""}, {"email": "sari"}, {"address": "\x00\x1b[31m"}),
        {"name": "x" * 101, "email": "", "address": " "},
        {"name": "<script>alert(1)</script>\nx", "email": "<b>@x"},
    ],
)
async def test_what_is_wrong_is_named_and_what_was_typed_is_kept(
    browser: Browser, wrong: dict[str, str]
) -> None:
    form = await open_form(browser)
    typed = {**CUSTOMER, **wrong}
    page = await browser.submit(form, **typed)
    assert page.status == 422
    assert browser.gateway.calls_to("POST", "/api/orders") == []
    assert_form_is_kept(page, form, **typed)
    for field in CUSTOMER:
        invalid = page.attributes[field].get("aria-invalid") == "true"
        assert invalid is (field in wrong)
        if invalid:
            assert f"#{field}" in page.links
            assert f"{field}-error" in page.attributes[field]["aria-describedby"].split()
            assert f"{field}-error" in page.attributes
    assert (await browser.submit(page.form("/orders"), **CUSTOMER)).status == 303
    (call,) = browser.gateway.calls_to("POST", "/api/orders")
    assert call.all(IDEMPOTENCY_KEY) == [form.fields["key"]]


async def test_the_language_of_a_refused_form_changes_and_nothing_else(browser: Browser) -> None:
    form = await open_form(browser)
    autocomplete = {"name": "name", "email": "email", "address": "street-address"}
    typed = {**CUSTOMER, "email": "sari"}
    page = await browser.submit(form, **typed)
    found = {name: page.attributes[name]["autocomplete"] for name in CUSTOMER}
    assert found == autocomplete
    # What was corrected meanwhile is not sent back to the start either.
    page = await browser.press(page.button("language", "en"), name="Wulan")
    assert page.status == 200
    assert "1 field needs a correction" in page.text
    cart = await browser.get("/cart")
    for shown in (page, cart):
        assert shown.language == "en"
        assert_form_is_kept(shown, form, **{**typed, "name": "Wulan"})
    assert browser.gateway.calls_to("POST", "/api/orders") == []


@pytest.mark.parametrize("quantity", ["3", "0", "x"])
async def test_other_quantities_than_the_page_showed_are_looked_at_once_more(
    browser: Browser, quantity: str
) -> None:
    await browser.put_in_cart(9)
    form = await open_form(browser, 5)
    stopped = await browser.submit(form, **CUSTOMER, **{"quantity-5": quantity})
    assert browser.gateway.calls_to("POST", "/api/orders") == []
    if quantity == "3":
        stopped = await browser.follow(stopped)
        assert "Silakan lihat sekali lagi" in stopped.text
        total = 3 * browser.gateway.products[5].price_idr + browser.gateway.products[9].price_idr
        assert rupiah(total) in stopped.text
    else:
        assert stopped.status == 422
        stopped.form("/orders").fields["quantity-5"] = "3"
        stopped = await browser.follow(await browser.press(stopped.button("update")))
    form = stopped.form("/orders")
    assert {name: form.fields[name] for name in CUSTOMER} == CUSTOMER
    assert (await browser.submit(form)).status == 303
    (call,) = browser.gateway.calls_to("POST", "/api/orders")
    order = OrderRequest.model_validate_json(call.body)
    assert {line.product_id: line.quantity for line in order.items} == {5: 3, 9: 1}


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
    browser: Browser, status: int, slug: str, text: str
) -> None:
    form = await open_form(browser)
    browser.gateway.answers["POST /api/orders"] = lambda: problem(status, slug, Retry_After="3")
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == status
    assert text in page.text
    assert_form_is_kept(page, form, **CUSTOMER)
    assert page.headers.get("retry-after") == ("3" if status in {429, 503} else None)
    next_key = (await browser.get("/cart")).form("/orders").fields["key"]
    reused = slug == "idempotency-key-reused"
    assert (next_key != form.fields["key"]) is reused, "the cart then offers a new order"
    browser.gateway.answers.clear()
    assert (await browser.submit(page.form("/orders"))).status == 303
    keys = {key for call in browser.gateway.calls for key in call.all(IDEMPOTENCY_KEY)}
    assert (len(browser.gateway.orders), keys) == (1, {form.fields["key"]})


@pytest.mark.parametrize(
    "way", ["the page", "the page in the other language", "the cart", "the cart, changed back"]
)
async def test_an_order_that_was_taken_after_all_stays_one_order(
    browser: Browser, way: str
) -> None:
    form = await open_form(browser)

    def take_and_fail() -> Response:
        browser.gateway.accept(browser.gateway.calls[-1])
        return problem(504)

    browser.gateway.answers["POST /api/orders"] = take_and_fail
    page = await browser.submit(form, **CUSTOMER)
    assert (page.status, len(browser.gateway.orders)) == (504, 1)
    browser.gateway.answers.clear()
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
    assert len(browser.gateway.orders) == 1


async def test_what_comes_back_is_a_form_whatever_the_gateway_does(browser: Browser) -> None:
    form = await open_form(browser)
    browser.gateway.answers["POST /api/orders"] = lambda: Response(b"", 202)
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == 502, "accepted, but it cannot be read"
    assert_form_is_kept(page, form, **CUSTOMER)
    for path in ("POST /api/orders", "GET /api/products"):
        browser.gateway.answers[path] = lambda: problem(503)
    page = await browser.submit(form, **CUSTOMER)
    assert page.status == 503
    assert "Produk nomor 5" in page.text
    assert_form_is_kept(page, form, **CUSTOMER)
    browser.gateway.silence = asyncio.Event()
    page = await browser.submit(form, **CUSTOMER)
    browser.gateway.silence.set()
    assert page.status == 504
    assert "aman" in page.text
    assert_form_is_kept(page, form, **CUSTOMER)


async def test_a_refused_form_shows_what_its_lines_cost_and_a_changed_total(
    browser: Browser,
) -> None:
    browser.gateway.change_product(5, price_idr=1_234_567)
    await browser.put_in_cart(5, 3)
    form = await open_form(browser, 5)
    page = await browser.submit(form, **{**CUSTOMER, "name": ""})
    for amount in (1_234_567, 4 * 1_234_567):
        assert rupiah(amount) in page.text
    assert "Harga sudah berubah" not in page.text
    browser.gateway.change_product(5, price_idr=123_000)
    page = await browser.submit(form, **{**CUSTOMER, "name": ""})
    assert f"{rupiah(1_234_567)} {rupiah(4 * 1_234_567)}" in page.text, "as the form has them"
    assert "Harga sudah berubah" in page.text
    assert rupiah(4 * 123_000) in page.text
    assert_form_is_kept(page, form)


async def test_a_form_without_its_guest_comes_back_with_one(
    browser: Browser, stranger: Browser
) -> None:
    form = await open_form(browser)
    page = await stranger.submit(form, **CUSTOMER)
    assert page.status == 401
    assert "kuki" in page.text
    assert_form_is_kept(page, form, **CUSTOMER)
    # With the cookie of that answer, the token is still another guest's.
    for token in (form.fields["token"], "", "x", "é" * 200):
        refused = await stranger.submit(form, **CUSTOMER, token=token)
        assert refused.status == 403
        assert_form_is_kept(refused, form, **CUSTOMER)
    assert browser.gateway.calls_to("POST", "/api/orders") == []
    # Pressing the button again orders.
    for again in (page, refused):
        assert (await stranger.submit(again.form("/orders"))).status == 303
    for call in browser.gateway.calls_to("POST", "/api/orders"):
        assert call.all(GUEST) == [stranger.http.cookies["arloji_guest"].split(".")[0]]


async def test_personal_data_is_shown_escaped_and_goes_to_the_gateway_only(
    browser: Browser,
) -> None:
    form = await open_form(browser)
    name = '<i>Sari</i> & "co"'
    page = await browser.submit(form, **{**CUSTOMER, "name": name, "email": ""})
    assert escape(name, quote=False).replace('"', "&#34;") in page.html
    await browser.submit(page.form("/orders"), email="sari@example.com")
    (call,) = browser.gateway.calls_to("POST", "/api/orders")
    assert json.loads(call.body)["customer"]["name"] == name
    assert "cookie" not in dict(call.headers), "cookies are the frontend's alone"
    assert {"arloji_cart", "arloji_draft"}.isdisjoint(browser.http.cookies)

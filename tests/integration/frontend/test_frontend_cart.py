"""The cart: changed by forms, kept in a cookie, honest about what can no longer be ordered."""

import pytest

from contracts.orders import MAX_LINES
from tests.integration.frontend.browsing import Browser
from tests.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_watch_goes_into_the_cart_and_is_named_there(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    product = gateway.products[17]
    page = await browser.get(f"/products/{product.slug}")
    answer = await browser.submit(page.form("/cart", action="add"), quantity="3")
    assert answer.headers["location"] == "/cart?added=17"
    cart = await browser.follow(answer)
    assert product.name in cart.text
    assert "sudah masuk keranjang" in cart.text
    total = f"Rp {product.price_idr * 3:,}".replace(",", ".")
    assert total in cart.text
    assert cart.headers["cache-control"] == "no-store"
    assert "3 buah" in (await browser.get("/")).text


async def test_one_look_up_names_all_lines(browser: Browser, gateway: ScriptedGateway) -> None:
    for product_id in (5, 9, 2):
        await browser.put_in_cart(product_id)
    gateway.calls.clear()
    await browser.get("/cart")
    (call,) = gateway.calls
    assert (call.path, call.query["ids"]) == ("/api/products", "5,9,2")


async def test_quantities_change_and_lines_go(browser: Browser) -> None:
    await browser.put_in_cart(5)
    page = await browser.put_in_cart(9)
    page = await browser.follow(
        await browser.submit(page.form("/cart", action="change", product_id="5"), quantity="7")
    )
    assert page.form("/cart", action="change", product_id="5").fields["quantity"] == "7"
    page = await browser.follow(
        await browser.submit(page.form("/cart", action="remove", product_id="9"))
    )
    assert "Jumlah untuk" in page.text
    assert len([form for form in page.forms if form.fields.get("action") == "remove"]) == 1
    page = await browser.follow(
        await browser.submit(page.form("/cart", action="remove", product_id="5"))
    )
    assert "masih kosong" in page.text
    assert "arloji_cart" not in browser.http.cookies


async def test_reloading_the_cart_adds_nothing(browser: Browser) -> None:
    await browser.put_in_cart(5)
    page = await browser.get("/cart?added=5")
    assert page.form("/cart", action="change").fields["quantity"] == "1"


@pytest.mark.parametrize(
    "quantity", ["0", "-1", "100", "abc", "1.5", "", "9" * 30, "\u0661", "1e1"]
)
async def test_a_quantity_out_of_bounds_changes_nothing_and_says_so(
    browser: Browser, quantity: str
) -> None:
    await browser.put_in_cart(5, 2)
    for action in ("add", "change"):
        fields = {"action": action, "product_id": "5", "quantity": quantity}
        page = await browser.post("/cart", fields)
        assert page.status == 422
        assert "antara 1 dan 99" in page.text
        assert page.form("/cart", action="change").fields["quantity"] == "2"


async def test_a_full_cart_says_so(browser: Browser) -> None:
    for product_id in range(1, MAX_LINES + 1):
        await browser.post("/cart", {"action": "add", "product_id": str(product_id)})
    page = await browser.post("/cart", {"action": "add", "product_id": "200"})
    assert page.status == 422
    assert "paling banyak 50 macam" in page.text
    assert len([form for form in page.forms if form.fields.get("action") == "remove"]) == 50


@pytest.mark.parametrize(
    "fields",
    [
        *({"action": "add"}, {"product_id": "5"}, {"action": "explode", "product_id": "5"}),
        *({"action": "add", "product_id": value} for value in ("0", "-5", "x", "9" * 19, "\x00")),
        {"action": "<script>", "product_id": "<script>"},
    ],
)
async def test_what_is_no_change_is_refused(browser: Browser, fields: dict[str, str]) -> None:
    page = await browser.post("/cart", fields)
    assert page.status == 422
    assert "tidak dapat dibaca" in page.text


async def test_a_watch_that_is_no_longer_sold_must_go_before_ordering(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    await browser.put_in_cart(5)
    await browser.put_in_cart(9)
    del gateway.products[9]
    page = await browser.get("/cart")
    assert "Produk nomor 9" in page.text
    assert "tidak dijual lagi" in page.text
    assert [form for form in page.forms if form.action == "/orders"] == []
    page = await browser.follow(
        await browser.submit(page.form("/cart", action="remove", product_id="9"))
    )
    assert page.form("/orders").fields["lines"] == "5x1"


@pytest.mark.parametrize(
    ("stock", "text", "orderable"),
    [(0, "Sedang habis", False), (2, "Hanya tersisa 2", False), (3, "", True), (None, "", True)],
)
async def test_the_stock_is_minded_before_ordering(
    browser: Browser, gateway: ScriptedGateway, stock: int | None, text: str, orderable: bool
) -> None:
    gateway.change_product(5, stock=stock)
    page = await browser.put_in_cart(5, 3)
    assert text in page.text
    assert any(form.action == "/orders" for form in page.forms) is orderable


async def test_too_many_can_be_lowered_to_what_is_left(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    gateway.change_product(5, stock=2)
    page = await browser.put_in_cart(5, 3)
    page = await browser.follow(
        await browser.submit(page.form("/cart", action="change", quantity="2"))
    )
    assert page.form("/orders").fields["lines"] == "5x2"


async def test_an_unknown_stock_is_told_and_does_not_stop_an_order(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    gateway.change_product(5, stock=None)
    page = await browser.put_in_cart(5)
    assert "tidak dapat diperiksa" in page.text
    assert page.form("/orders")


async def test_a_cart_of_somebody_elses_making_is_empty(
    browser: Browser, stranger: Browser
) -> None:
    await browser.put_in_cart(5)
    token = browser.http.cookies["arloji_cart"]
    forged = token.replace("5x1", "5x99", 1)
    assert forged != token
    for cookie in (forged, token[:-4], "5x1", "x" * 3000, f"{token}.{token}"):
        page = await stranger.get("/cart", headers={"Cookie": f"arloji_cart={cookie}"})
        assert page.status == 200
        assert "masih kosong" in page.text


async def test_the_cart_survives_a_gateway_that_is_away(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    await browser.put_in_cart(5)
    gateway.answers["GET /api/products"] = lambda: problem(503)
    assert (await browser.get("/cart")).status == 503
    gateway.answers.clear()
    assert (await browser.get("/cart")).form("/orders").fields["lines"] == "5x1"

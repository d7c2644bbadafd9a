"""The cart: changed by forms, kept in a cookie, honest about what can no longer be ordered."""

import pytest

from contracts.orders import MAX_LINES
from tests.integration.frontend.browsing import Browser, Page
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
        await browser.press(page.button("update"), **{"quantity-5": "7", "quantity-9": "3"})
    )
    assert page.form("/orders").fields["lines"] == "5x7-9x3", "one button is for the whole page"
    page = await browser.follow(
        await browser.press(page.button("remove", "9"), **{"quantity-5": "8", "quantity-9": "x"})
    )
    assert page.form("/orders").fields["lines"] == "5x8"
    page = await browser.follow(await browser.press(page.button("remove", "5")))
    assert "masih kosong" in page.text
    assert "arloji_cart" not in browser.http.cookies


async def test_a_line_that_another_page_has_removed_does_not_come_back(browser: Browser) -> None:
    await browser.put_in_cart(5)
    old = await browser.put_in_cart(9)
    await browser.press(old.button("remove", "9"))
    page = await browser.follow(await browser.press(old.button("update"), **{"quantity-5": "2"}))
    assert page.form("/orders").fields["lines"] == "5x2"


async def test_reloading_the_cart_adds_nothing(browser: Browser) -> None:
    await browser.put_in_cart(5)
    page = await browser.get("/cart?added=5")
    assert page.form("/orders").fields["quantity-5"] == "1"


NO_QUANTITIES = ["0", "-1", "100", "abc", "1.5", "", "9" * 30, "\u0661", "1e1"]


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
async def test_a_quantity_out_of_bounds_changes_nothing_and_says_so(
    browser: Browser, quantity: str
) -> None:
    await browser.put_in_cart(9)
    page = await browser.put_in_cart(5, 2)
    for button in (page.button("update"), page.button("remove", "9"), page.button("language")):
        typed = {"quantity-5": quantity, "name": "Sari"}
        refused = await browser.press(button, **typed)
        assert refused.status == 422
        assert "1 dan 99" in refused.text
        assert "#quantity-5" in refused.links
        assert refused.attributes["quantity-5"]["aria-invalid"] == "true"
        fields = refused.form("/orders").fields
        assert {name: fields[name] for name in typed} == typed
        assert fields["lines"] == "9x1-5x2"
    page = await browser.press(page.button("language", "en"), **{"quantity-5": quantity})
    assert "The cart was not changed" in page.text


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
async def test_a_quantity_that_cannot_be_added_leaves_one_with_the_watch(
    browser: Browser, gateway: ScriptedGateway, quantity: str
) -> None:
    page = await browser.get(f"/products/{gateway.products[17].slug}")
    page = await browser.submit(page.form("/cart"), quantity=quantity)
    assert page.status == 422
    assert "1 dan 99" in page.text
    assert page.attributes["quantity"]["aria-invalid"] == "true"
    assert page.form("/cart").fields["quantity"] == quantity
    switched = await browser.press(page.button("language", "en"))
    page = await browser.follow(switched)
    assert gateway.products[17].description_en in page.text
    assert (await browser.submit(page.form("/cart"), quantity="2")).status == 303


async def test_a_full_cart_says_so(browser: Browser, gateway: ScriptedGateway) -> None:
    for product_id in range(1, MAX_LINES + 1):
        await browser.post("/cart", {"action": "add", "product_id": str(product_id)})
    page = await browser.post("/cart", {"action": "add", "product_id": "200"})
    assert page.status == 422
    assert "paling banyak 50 macam" in page.text
    assert gateway.products[200].name in page.title
    page = await browser.get("/cart")
    assert page.html.count('name="remove"') == MAX_LINES
    # All of it travels in one form.
    assert (await browser.press(page.button("update"), **CUSTOMER)).status == 303


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
    page = await browser.follow(await browser.press(page.button("remove", "9")))
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
    page = await browser.follow(await browser.press(page.button("reduce")))
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


CUSTOMER = {"name": "Sari", "email": "sari@", "address": "Jl. Merdeka 1\nBandung"}
BUTTONS = [("update", ""), ("remove", "9"), ("language", "en")]


@pytest.mark.parametrize(("name", "value"), BUTTONS)
async def test_no_button_of_the_cart_loses_what_is_typed(
    browser: Browser, name: str, value: str
) -> None:
    await browser.put_in_cart(9)
    page = await browser.put_in_cart(5)
    answer = await browser.press(page.button(name, value), **CUSTOMER, **{"quantity-5": "4"})
    page = await browser.follow(answer)
    fields = page.form("/orders").fields
    assert {field: fields[field] for field in CUSTOMER} == CUSTOMER
    assert fields["quantity-5"] == "4"
    assert page.language == (value if name == "language" else "id")
    cleared = await browser.press(page.button("update"), **dict.fromkeys(CUSTOMER, ""))
    fields = (await browser.follow(cleared)).form("/orders").fields
    assert {fields[field] for field in CUSTOMER} == {""}


async def test_what_is_typed_survives_a_line_that_must_be_corrected_first(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    page = await browser.put_in_cart(5, 2)
    gateway.change_product(5, stock=1)
    page = await browser.follow(await browser.press(page.button("update"), **CUSTOMER))
    assert "Hanya tersisa 1" in page.text
    page = await browser.follow(await browser.press(page.button("reduce")))
    assert page.form("/orders").fields["name"] == "Sari"


@pytest.mark.parametrize("path", ["/?q=batik&page=2", "/products/{slug}"])
async def test_a_language_loses_nothing_that_was_not_sent_yet(
    browser: Browser, gateway: ScriptedGateway, path: str
) -> None:
    page = await browser.get(path.format(slug=gateway.products[17].slug))
    typed = {"q": "batik", "min_price": "1.000.000"} if "?" in path else {"quantity": "3"}
    page = await browser.follow(await browser.press(page.button("language", "en"), **typed))
    assert page.language == "en"
    form = page.form("/" if "?" in path else "/cart")
    assert {name: form.fields[name] for name in typed} == typed


async def test_a_browser_without_cookies_is_told_so_and_spoken_to(
    stranger: Browser, gateway: ScriptedGateway
) -> None:
    async def get_without(path: str) -> Page:
        stranger.http.cookies.clear()
        return await stranger.get(path)

    page = await get_without(f"/products/{gateway.products[17].slug}?lang=en")
    stranger.http.cookies.clear()
    answer = await stranger.submit(page.form("/cart"))
    page = await get_without(answer.headers["location"])
    assert "tidak menyimpan keranjang" in page.text
    assert "masih kosong" not in page.text
    stranger.http.cookies.clear()
    answer = await stranger.submit(page.form("/language"), language="en")
    page = await get_without(answer.headers["location"])
    assert page.language == "en"
    assert "did not keep the cart" in page.text
    assert "masih kosong" in (await get_without("/cart")).text, "nothing was added"


async def test_lines_stand_in_the_order_of_their_names(
    browser: Browser, gateway: ScriptedGateway
) -> None:
    numbers = (5, 9, 2, 17)
    for number in numbers:
        page = await browser.put_in_cart(number)
    names = sorted((gateway.products[n].brand, gateway.products[n].name) for n in numbers)
    places = [page.text.rindex(f"Jumlah untuk {' '.join(name)}") for name in names]
    assert places == sorted(places)


async def test_sums_are_exact_to_the_rupiah(browser: Browser, gateway: ScriptedGateway) -> None:
    gateway.change_product(5, price_idr=1_234_567)
    gateway.change_product(9, price_idr=890_123)
    await browser.put_in_cart(9, 2)
    page = await browser.put_in_cart(5, 3)
    assert page.text.count("Rp 5.483.947") == 2, "the cart's sum and the order's total"
    for amount in ("1.234.567", "3.703.701", "890.123", "1.780.246"):
        assert f"Rp {amount} " in page.text
    assert page.form("/orders").fields["expected_total_idr"] == "5483947"

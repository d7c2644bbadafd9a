"""The cart: changed by forms, kept in a cookie, honest about what can no longer be ordered."""

import pytest

from contracts.orders import MAX_LINES
from tests.integration.frontend.browsing import Browser, Page, rupiah
from tests.integration.frontend.scripted_gateway import ScriptedGateway, problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPED = {"name": "Sari", "email": "sari@", "address": "Jl. Merdeka 1\nBandung"}


def lines_of(page: Page) -> str:
    return page.form("/orders").fields["lines"]


async def test_a_watch_goes_into_the_cart_and_is_named_there(browser: Browser) -> None:
    product = browser.gateway.products[17]
    page = await browser.get(f"/products/{product.slug}")
    answer = await browser.submit(page.form("/cart", action="add"), quantity="3")
    assert answer.headers["location"] == "/cart?added=17"
    assert {"arloji_cart", "arloji_checkout"} < browser.http.cookies.keys()
    cart = await browser.follow(answer)
    for text in (product.name, "sudah masuk keranjang", rupiah(product.price_idr * 3)):
        assert text in cart.text
    assert cart.headers["cache-control"] == "no-store"
    assert "3 buah" in (await browser.get("/")).text
    assert "3 buah" in (await browser.get("/cart?added=17")).text, "loaded anew, it adds nothing"


async def test_quantities_change_and_lines_go(browser: Browser) -> None:
    await browser.put_in_cart(5)
    old = page = await browser.put_in_cart(9)
    browser.gateway.calls.clear()

    async def press(name: str, value: str, **quantities: str) -> Page:
        typed = {f"quantity-{name[1:]}": text for name, text in quantities.items()}
        return await browser.follow(await browser.press(page.button(name, value), **typed))

    page = await press("update", "", _5="7", _9="3")
    assert lines_of(page) == "5x7-9x3", "one button is for the whole page"
    (call,) = browser.gateway.calls
    assert (call.path, call.query["ids"]) == ("/api/products", "5,9"), "one look-up names all"
    page = await press("remove", "9", _5="8", _9="x")
    assert lines_of(page) == "5x8"
    page = old
    page = await press("update", "", _5="2", _9="1")
    assert lines_of(page) == "5x2", "what another page has removed does not come back"
    page = await press("remove", "5")
    assert "masih kosong" in page.text
    assert {"arloji_cart", "arloji_draft"}.isdisjoint(browser.http.cookies), "nothing was typed"


NO_QUANTITIES = ["0", "100", "abc", "1.5", "", "9" * 30, "\u0661"]


@pytest.mark.parametrize("quantity", NO_QUANTITIES)
async def test_a_quantity_out_of_bounds_changes_nothing_and_says_so(
    browser: Browser, quantity: str
) -> None:
    await browser.put_in_cart(9)
    page = await browser.put_in_cart(5, 2)
    for button in (page.button("update"), page.button("remove", "9"), page.button("language")):
        refused = await browser.press(button, **{"quantity-5": quantity, "name": "Sari"})
        assert refused.status == 422
        assert "1 dan 99" in refused.text
        assert "#quantity-5" in refused.links
        assert refused.attributes["quantity-5"]["aria-invalid"] == "true"
        fields = refused.form("/orders").fields
        assert (fields["quantity-5"], fields["name"]) == (quantity, "Sari")
        assert fields["lines"] == "9x1-5x2"
    page = await browser.press(page.button("language", "en"), **{"quantity-5": quantity})
    assert "The cart was not changed" in page.text
    # Added from its own page, one stays with the watch.
    page = await browser.get(f"/products/{browser.gateway.products[17].slug}")
    page = await browser.submit(page.form("/cart"), quantity=quantity)
    assert page.status == 422
    assert page.attributes["quantity"]["aria-invalid"] == "true"
    assert page.form("/cart").fields["quantity"] == quantity
    page = await browser.follow(await browser.press(page.button("language", "en")))
    assert browser.gateway.products[17].description_en in page.text
    assert (await browser.submit(page.form("/cart"), quantity="2")).status == 303


async def test_a_full_cart_says_so(browser: Browser) -> None:
    for product_id in range(1, MAX_LINES + 1):
        await browser.post("/cart", {"action": "add", "product_id": str(product_id)})
    page = await browser.post("/cart", {"action": "add", "product_id": "200"})
    assert page.status == 422
    assert "paling banyak 50 macam" in page.text
    assert browser.gateway.products[200].name in page.title
    page = await browser.get("/cart")
    assert page.html.count('name="remove"') == MAX_LINES
    # All of it travels in one form.
    assert (await browser.press(page.button("update"), **TYPED)).status == 303
    # An older form with a line that has gone does not fit any more.
    fields = {"lines": "200x1", "quantity-200": "2", "key": "k", "expected_total_idr": "1"}
    assert (await browser.post("/orders", fields)).status == 422


@pytest.mark.parametrize(
    "fields",
    [
        *({"action": "add"}, {"product_id": "5"}, {"action": "explode", "product_id": "5"}),
        *({"action": "add", "product_id": value} for value in ("0", "-5", "9" * 19, "\x00")),
        *({"action": "<script>", "product_id": "<script>"}, {"action": "refill", "lines": "x"}),
        {"reduce": "5"},
    ],
)
async def test_what_is_no_change_is_refused(browser: Browser, fields: dict[str, str]) -> None:
    page = await browser.post("/cart", fields)
    assert page.status == 422
    assert "tidak dapat dibaca" in page.text


async def test_a_watch_that_is_no_longer_sold_must_go_before_ordering(browser: Browser) -> None:
    await browser.put_in_cart(5)
    await browser.put_in_cart(9)
    del browser.gateway.products[9]
    page = await browser.get("/cart")
    assert "Produk nomor 9" in page.text
    assert "tidak dijual lagi" in page.text
    assert [form for form in page.forms if form.action == "/orders"] == []
    page = await browser.follow(await browser.press(page.button("remove", "9")))
    assert lines_of(page) == "5x1"


@pytest.mark.parametrize(
    ("stock", "text", "orderable"),
    [
        *((0, "Sedang habis", False), (2, "Hanya tersisa 2", False), (3, "", True)),
        (None, "tidak dapat diperiksa", True),
    ],
)
async def test_the_stock_is_minded_before_ordering(
    browser: Browser, stock: int | None, text: str, orderable: bool
) -> None:
    browser.gateway.change_product(5, stock=stock)
    page = await browser.put_in_cart(5, 3)
    assert text in page.text
    assert any(form.action == "/orders" for form in page.forms) is orderable
    if stock == 2:
        page = await browser.follow(await browser.press(page.button("update"), **TYPED))
        # Whatever else is typed into that line.
        reduced = await browser.press(page.button("reduce"), **{"quantity-5": "x"})
        page = await browser.follow(reduced)
        assert lines_of(page) == "5x2"
        assert page.form("/orders").fields["name"] == "Sari", "typed before it was corrected"


async def test_the_cart_survives_a_gateway_that_is_unavailable(browser: Browser) -> None:
    await browser.put_in_cart(5)
    browser.gateway.answers["GET /api/products"] = lambda: problem(503)
    assert (await browser.get("/cart")).status == 503
    browser.gateway.answers.clear()
    assert lines_of(await browser.get("/cart")) == "5x1"


@pytest.mark.parametrize(("name", "value"), [("update", ""), ("remove", "9"), ("language", "en")])
async def test_no_button_of_the_cart_loses_what_is_typed(
    browser: Browser, name: str, value: str
) -> None:
    await browser.put_in_cart(9)
    page = await browser.put_in_cart(5)
    answer = await browser.press(page.button(name, value), **TYPED, **{"quantity-5": "4"})
    page = await browser.follow(answer)
    fields = page.form("/orders").fields
    assert {field: fields[field] for field in TYPED} == TYPED
    assert fields["quantity-5"] == "4"
    assert page.language == (value if name == "language" else "id")
    cleared = await browser.press(page.button("update"), **dict.fromkeys(TYPED, ""))
    fields = (await browser.follow(cleared)).form("/orders").fields
    assert {fields[field] for field in TYPED} == {""}


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


async def test_lines_stand_in_the_order_of_their_names_and_sums_are_exact(browser: Browser) -> None:
    browser.gateway.change_product(5, price_idr=1_234_567)
    browser.gateway.change_product(9, price_idr=890_123)
    await browser.put_in_cart(9, 2)
    page = await browser.put_in_cart(5, 3)
    assert page.text.count(rupiah(5_483_947)) == 2, "the cart's sum and the order's total"
    for amount in (1_234_567, 3_703_701, 890_123, 1_780_246):
        assert f"{rupiah(amount)} " in page.text
    assert page.form("/orders").fields["expected_total_idr"] == "5483947"
    for number in (2, 17):
        page = await browser.put_in_cart(number)
    watches = [browser.gateway.products[number] for number in (5, 9, 2, 17)]
    names = sorted((watch.brand, watch.name) for watch in watches)
    places = [page.text.rindex(" ".join(name)) for name in names]
    assert places == sorted(places)

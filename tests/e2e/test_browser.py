"""The shop in a real browser: by mouse and by keyboard, with and without JavaScript, on a desk
and on a phone, in both languages, and without a barrier that axe knows of."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    CUSTOMER,
    ORDER_PAGE,
    Contexts,
    expect_end,
    fill_in,
    open_watch,
    order,
    put_in_cart,
)
from tests.stack import RunningStack
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

# `make screenshot` sets it.
SCREENSHOT = os.environ.get("SCREENSHOT")
QUANTITY = ".line-tools input[type=number]"


@contextmanager
def paused(stack: RunningStack, service: str) -> Iterator[None]:
    stack.pause(service)
    try:
        yield
    finally:
        stack.resume(service)


def test_a_customer_finds_orders_and_sees_it_confirmed(contexts: Contexts) -> None:
    page = contexts.visitor()
    page.goto("/")
    page.get_by_label("Cari arloji").fill("parang")
    page.get_by_role("button", name="Cari").click()
    expect(page).to_have_url(re.compile(r"/\?q=parang$"))
    name = page.locator(".card:has(.stock-available) .card-name").first.inner_text()
    page.get_by_role("link", name=name).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_label("Jumlah").fill("2")
    page.get_by_role("button", name="Masukkan ke keranjang").click()
    expect(page.get_by_role("status")).to_contain_text("sudah masuk keranjang")
    total = page.locator(".order-total .price").inner_text()
    order(page)
    expect_end(page)
    expect(page.locator(".basket-total")).to_contain_text(total)
    page.get_by_role("link", name="Semua pesanan").click()
    expect(page.locator(".orders li")).to_have_count(1)
    page.goto("/cart")
    expect(page.get_by_role("heading", level=2)).to_have_text("Keranjang Anda masih kosong")


def test_the_order_page_follows_the_order_without_being_loaded_again(
    contexts: Contexts, stack: RunningStack
) -> None:
    page = contexts.visitor("en")
    put_in_cart(page)
    with paused(stack, "consumer"):
        order(page)
        expect(page.locator(".order-status")).to_have_text("Accepted, in progress")
        page.evaluate("window.stillTheSamePage = true")
    expect_end(page, "en")
    expect(page.get_by_role("status")).to_contain_text("set aside from the stock")
    expect(page.locator(".basket-total .price")).to_be_visible()
    assert page.evaluate("window.stillTheSamePage")
    assert "Confirmed" in page.title()


def test_everything_works_without_javascript(contexts: Contexts, stack: RunningStack) -> None:
    page = contexts.visitor(scripts=False, width=390)
    page.goto("/")
    page.locator(".more-filters summary").click()
    page.select_option("#brand", "Samudra")
    page.fill("#max_price", "20.000.000")
    page.get_by_role("button", name="Terapkan").click()
    assert "brand=Samudra" in page.url
    page.locator(".card:has(.stock-available) a").first.click()
    page.locator(".add button").click()
    page.locator(QUANTITY).fill("2")
    page.get_by_role("button", name=re.compile("^Ubah jumlah")).click()
    expect(page.locator(QUANTITY)).to_have_value("2")
    with paused(stack, "consumer"):
        order(page)
        expect(page.locator(".order-status")).to_have_text("Diterima, sedang diproses")
    expect_end(page)


def test_orders_and_errors_lead_to_their_traces(contexts: Contexts) -> None:
    page = contexts.visitor()
    put_in_cart(page)
    order(page)
    links = [page.get_by_role("link", name="Jejak pesanan ini").get_attribute("href")]
    page.goto("/nowhere")
    links.append(page.get_by_role("link", name="Buka jejaknya").get_attribute("href"))
    for link in links:
        assert link
        # Spans leave each process now and then, not at once.
        eventually(lambda link=link: page.request.get(link).status, lambda status: status == 200)


def test_a_double_click_and_going_back_make_one_order(contexts: Contexts) -> None:
    page = contexts.visitor()
    put_in_cart(page)
    fill_in(page)
    page.locator(".order-form button").dblclick()
    expect(page).to_have_url(ORDER_PAGE)
    first = page.url
    page.go_back()
    if page.locator(".order-form").count():
        order(page)
        assert page.url == first
    page.goto("/orders")
    expect(page.locator(".orders li")).to_have_count(1)


def test_what_stands_on_the_cart_is_what_counts(contexts: Contexts) -> None:
    page = contexts.visitor()
    put_in_cart(page, 0)
    put_in_cart(page, 1)
    quantities = page.locator(QUANTITY)
    fill_in(page)
    quantities.nth(0).fill("3")
    page.get_by_role("button", name=re.compile("^Ubah jumlah")).nth(1).click()
    page.get_by_role("button", name=re.compile("^Hapus")).nth(1).click()
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(quantities).to_have_value("3")
    quantities.fill("2")
    page.get_by_role("button", name="Order now").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing is ordered yet")
    for name, value in CUSTOMER.items():
        expect(page.locator(f"#{name}")).to_have_value(value)
    page.get_by_role("button", name="Order now").click()
    expect(page.locator(".lines")).to_contain_text("2 pieces")
    expect(page.locator(".facts")).to_contain_text(CUSTOMER["address"])
    page.goto("/orders")
    expect(page.locator(".orders li")).to_have_count(1)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_enter_key_orders_from_the_customers_fields_at_most(
    contexts: Contexts, scripts: bool
) -> None:
    page = contexts.visitor(scripts=scripts)
    page.goto("/")
    page.locator("#q").fill("batik")
    page.locator("#q").press("Enter")
    expect(page).to_have_url(re.compile("q=batik"))
    page.locator(".card:has(.stock-available) a").first.click()
    page.locator("#quantity").press("Enter")
    expect(page).to_have_url(re.compile("/cart"))
    expect(page.locator("html")).to_have_attribute("lang", "id")
    fill_in(page)
    for number in ("1", "2"):
        page.locator(QUANTITY).fill(number)
        page.locator(QUANTITY).press("Enter")
        expect(page).to_have_url(re.compile("/cart$"))
        expect(page.locator(QUANTITY)).to_have_value(number)
    page.locator("#email").press("Enter")
    expect(page).to_have_url(re.compile("/orders/" if scripts else "/cart$"))


@contextmanager
def stopped(page: Page, address: str) -> Iterator[None]:
    """The next request to this address gets no answer, and the person presses Esc."""
    page.route(address, lambda _: None, times=1)
    with page.expect_request(address):
        yield
    page.context.new_cdp_session(page).send("Page.stopLoading")


def test_a_form_whose_sending_was_stopped_can_be_sent(contexts: Contexts) -> None:
    page = contexts.visitor()
    put_in_cart(page)
    fill_in(page)
    button = page.locator(".order-form button")
    with stopped(page, "**/orders"):
        button.click(no_wait_after=True)
    # The second click of a double click counts as none, a later one does.
    with page.expect_request("**/orders"):
        button.evaluate("button => setInterval(() => button.click(), 300)")
    expect(page).to_have_url(ORDER_PAGE)
    page.goto("/")
    page.fill("#q", "batik")
    with stopped(page, "**/?q=batik"):
        page.get_by_role("button", name="Cari").click(no_wait_after=True)
    expect(page.locator("#brand")).to_be_enabled()


def test_a_page_out_of_the_browsers_memory_shows_todays_cart(contexts: Contexts) -> None:
    # What browsers say when they show a page as it was left.
    shown_again = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
    page = contexts.visitor()
    open_watch(page)
    page.fill("#quantity", "4")
    other = page.context.new_page()
    put_in_cart(other)
    page.evaluate(shown_again)
    expect(page.locator(".badge")).to_contain_text("1")
    expect(page.locator(".in-cart")).to_be_visible()
    expect(page.locator("#quantity")).to_have_value("4")
    order(other)
    page.goto("/cart")
    put_in_cart(other)
    page.evaluate(shown_again)
    expect(page.locator(".line")).to_have_count(1)


def test_wrong_fields_are_named_led_to_and_keep_what_was_typed(contexts: Contexts) -> None:
    page = contexts.visitor("en")
    put_in_cart(page)
    fill_in(page, email="sari", address=" ")
    page.locator(".order-form button").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("2 fields need a correction")
    summary.get_by_role("link").first.click()
    email = page.get_by_label("E-mail address")
    expect(email).to_be_focused()
    expect(email).to_have_value("sari")
    order(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cart")


def tab_to(page: Page, target: Locator) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {target}")


def test_a_keyboard_is_enough(contexts: Contexts) -> None:
    page = contexts.visitor("en")
    page.goto("/?q=truntum")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    tab_to(page, page.locator(".card:has(.stock-available) a").first)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Add to cart"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/cart"))
    for name, value in CUSTOMER.items():
        tab_to(page, page.locator(f"#{name}"))
        page.keyboard.type(value)
    tab_to(page, page.get_by_role("button", name="Order now"))
    page.keyboard.press("Enter")
    expect_end(page, "en")


def test_the_hands_show_the_time(contexts: Contexts) -> None:
    page = contexts.visitor()
    open_watch(page)
    turned = page.locator(".product-face .minute-hand").get_attribute("transform") or ""
    now = datetime.fromisoformat(
        page.evaluate("new Date(Date.now() - new Date().getTimezoneOffset() * 6e4).toISOString()")
    )
    match = re.match(r"rotate\(([\d.]+) 100 130\)", turned)
    assert match
    shown_minutes, minutes = float(match[1]) / 6, now.minute + now.second / 60
    assert min((shown_minutes - minutes) % 60, (minutes - shown_minutes) % 60) < 1


def visit_every_page(page: Page, language: str) -> Iterator[str]:
    """Leaves the browser on one page after the other."""
    filters = ("?q=batik&max_price=1", "?q=samudra&sort=price", "?min_price=x", "?page=99")
    for path in (*("", *filters), "orders", "cart", "nowhere", "developers"):
        page.goto(f"/{path}")
        yield f"/{path}"
    open_watch(page, "q=mendung")
    yield "a product"
    page.fill("#quantity", "99")
    page.locator(".add button").click()
    expect(page).to_have_url(re.compile("/cart"))
    page.go_back()
    page.locator(".add button").click()
    wrong = page.locator("[aria-invalid=true]")
    expect(wrong).to_have_count(1)
    yield "a watch that cannot be added"
    page.goto("/cart")
    for quantity, name in (("100", "the cart with a wrong quantity"), ("1", "the cart")):
        page.locator(".line-tools input").fill(quantity)
        page.locator(".line-tools .button").click()
        expect(wrong).to_have_count(1 if quantity == "100" else 0)
        yield name
    page.locator(".order-form button").click()
    expect(wrong).to_have_count(3)
    yield "the form with errors"
    order(page)
    expect_end(page, language)
    yield "an order"
    page.goto("/orders")
    yield "the orders"


_TOO_LOW_FOR_A_THUMB = """() =>
    [...document.querySelectorAll("button, input:not([type=hidden]), select, nav a, summary")]
        .filter(element => element.checkVisibility())
        .filter(element => element.getBoundingClientRect().height < 40)
        .map(element => element.outerHTML)"""


@pytest.mark.parametrize(
    ("language", "dark", "width"), [("id", False, 1280), ("en", True, 360)], ids=["desk", "phone"]
)
def test_no_page_has_a_barrier(contexts: Contexts, language: str, dark: bool, width: int) -> None:
    page, axe = contexts.visitor(language, width, dark=dark), Axe()
    for name in visit_every_page(page, language):
        # The drawings are hidden from assistive technology, and large.
        found = axe.run(page, context={"exclude": [".watch-face"]})
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate(_TOO_LOW_FOR_A_THUMB) == [], name
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        assert page.title().endswith("· Arloji"), name


def test_the_screenshot_shows_the_catalogue(contexts: Contexts, tmp_path: Path) -> None:
    page = contexts.visitor("en")
    page.set_viewport_size({"width": 1280, "height": 1120})
    page.goto("/")
    page.locator(".card").first.wait_for()
    path = Path(SCREENSHOT) if SCREENSHOT else tmp_path / "screenshot.png"
    page.screenshot(path=path)
    assert path.read_bytes().startswith(b"\x89PNG")

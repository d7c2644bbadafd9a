"""The shop in a real browser: fresh visitors, and what they all do."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.servers import find_program
from tests.stack import RunningStack

CUSTOMER = {"name": "Sari Wulandari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
CONFIRMED = {"id": "Dikonfirmasi", "en": "Confirmed"}
ORDER_PAGE = re.compile(r"/orders/[0-9a-f-]{36}$")
_TIMEOUT_MILLISECONDS = 30_000
expect.set_options(timeout=_TIMEOUT_MILLISECONDS)
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update"),
    # A name that is neither https nor this machine's own.
    "--host-resolver-rules=MAP shop.example 127.0.0.1",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = find_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def contexts(chromium: Browser, stack: RunningStack) -> Iterator["Contexts"]:
    opened = Contexts(chromium, stack.shop_url)
    yield opened
    opened.close()


class Contexts:
    """Fresh visitors. Whatever they do, no page may complain or ask for anything from elsewhere."""

    def __init__(self, chromium: Browser, shop_url: str) -> None:
        self._chromium, self._shop_url = chromium, shop_url
        self._open: list[BrowserContext] = []
        self.complaints: list[str] = []

    def visitor(
        self, language: str = "id", width: int = 1280, *, dark: bool = False, scripts: bool = True
    ) -> Page:
        page = self._new_page(
            locale={"id": "id-ID", "en": "en-GB"}[language],
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note_request)
        return page

    def customer_of_another_site(self, shop_url: str) -> Page:
        """Whose pages may complain: they are attacked."""
        return self._new_page(base_url=shop_url, locale="id-ID")

    def _new_page(self, **options: Any) -> Page:
        context = self._chromium.new_context(**{"base_url": self._shop_url, **options})
        context.set_default_timeout(_TIMEOUT_MILLISECONDS)
        self._open.append(context)
        return context.new_page()

    def close(self) -> None:
        for context in self._open:
            context.close()
        assert self.complaints == []

    def _note(self, kind: str, text: str) -> None:
        # The browser's own remark about an error page that was asked for.
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.complaints.append(text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith((self._shop_url, "data:")):
            self.complaints.append(f"asked for {request.url}")


def open_watch(page: Page, query: str = "q=batik", number: int = 0) -> None:
    """The page of a watch with plenty in stock."""
    page.goto(f"/?{query}")
    page.locator(".card:has(.stock-available) a").nth(number).click()
    expect(page).to_have_url(re.compile("/products/"))


def put_in_cart(page: Page, number: int = 0) -> None:
    open_watch(page, "sort=-price&q=batik" if number else "q=batik", number)
    page.locator(".add button").click()
    expect(page).to_have_url(re.compile("/cart"))


def fill_in(page: Page, **other: str) -> None:
    for name, value in {**CUSTOMER, **other}.items():
        page.fill(f"#{name}", value)


def order(page: Page) -> None:
    fill_in(page)
    page.locator(".order-form button").click()
    expect(page).to_have_url(ORDER_PAGE)


def expect_end(page: Page, language: str = "id") -> None:
    expect(page.locator(".order-status")).to_have_text(CONFIRMED[language])

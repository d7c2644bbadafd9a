"""What a page weighs, that it is rendered once for all, and that each guest sees their own."""

import re
from html import unescape
from typing import Any

import pytest
from starlette.responses import JSONResponse

from contracts.orders import MAX_LINES, MAX_LISTED
from services.api_gw.description import describe_api
from services.frontend.trust_boundary import TrustBoundary
from tests.asgi import calling
from tests.integration.frontend.browsing import CUSTOMER, Browser, Page
from tests.integration.frontend.scripted_gateway import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

# HTML as it is, and all that a first visit loads as a browser asks for it: files compressed.
MOST_HTML_BYTES, MOST_BYTES = 40_000, 100_000


async def weigh(browser: Browser, page: Page) -> None:
    html = len(page.answer.content)
    found = re.findall(r'(?:href|src)="(/(?:static/|favicon)[^"]+)"', page.html)
    total = html
    for address in set(map(unescape, found)):
        answer = await browser.http.get(address)
        assert answer.status_code == 200, address
        total += int(answer.headers["content-length"])
    assert html <= MOST_HTML_BYTES, page.title
    # A cart or an order may have more watches than a first visit can have seen.
    assert total <= MOST_BYTES or page.html.count("line-face") > 24, (page.title, total)


@pytest.mark.parametrize("language", ["id", "en"])
async def test_every_page_is_light(browser: Browser, language: str) -> None:
    described = {"info": {"description": "Watches."}, "paths": describe_api()["paths"]}
    browser.gateway.answers["GET /api/openapi.json"] = lambda: JSONResponse(described)
    slug = browser.gateway.products[17].slug
    long = "q=" + "%C3%A9" * 100 + "&brand=" + "x" * 100 + "&min_price=1&max_price=9&page=99"
    paths = [
        "/",
        "/?page=2",
        "/?brand=Samudra&sort=-price",
        "/?min_price=x&sort=x&page=x",
        f"/?{long}",
    ]
    for path in (*paths, f"/products/{slug}", "/developers", "/nowhere", "/cart", "/orders"):
        page = await browser.get(path, headers={"Accept-Language": language})
        assert page.language == language
        await weigh(browser, page)


async def fill_cart(browser: Browser) -> None:
    for product_id in range(1, MAX_LINES + 1):
        browser.gateway.change_product(product_id, stock=50)
        await browser.post(
            "/cart", {"action": "add", "product_id": str(product_id), "quantity": "12"}
        )


async def test_a_full_cart_is_light_whatever_is_known_of_its_stock(browser: Browser) -> None:
    await fill_cart(browser)
    for stock in (50, None):
        for product_id in range(1, MAX_LINES + 1):
            browser.gateway.change_product(product_id, stock=stock)
        for language in ("id", "en"):
            page = await browser.get(f"/cart?lang={language}")
            assert (page.language, page.html.count("line-face")) == (language, MAX_LINES)
            await weigh(browser, page)


async def test_a_large_order_and_a_long_list_are_light_too(browser: Browser) -> None:
    await fill_cart(browser)
    page = await browser.get("/cart")
    form = page.form("/orders")
    await weigh(browser, await browser.submit(form, **{**CUSTOMER, "email": "none"}))
    await weigh(browser, await browser.follow(await browser.submit(form, **CUSTOMER)))
    one = next(iter(browser.gateway.orders))
    for number in range(MAX_LISTED):
        browser.gateway.orders[one[0], str(number)] = browser.gateway.orders[one] | {
            "items": browser.gateway.orders[one]["items"][number % MAX_LINES :][:2]
        }
    await weigh(browser, await browser.get("/orders"))


def rendered(app: TrustBoundary, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that are rendered from now on."""
    pages: Any = app._app._app.state.site.pages  # type: ignore[attr-defined]
    seen: list[str] = []
    render = pages._render

    def note(template: str, *arguments: Any, **context: Any) -> str:
        seen.append(template)
        html: str = render(template, *arguments, **context)
        return html

    monkeypatch.setattr(pages, "_render", note)
    return seen


async def test_a_page_is_rendered_once_for_all_and_everybody_finds_their_own_cart_on_it(
    browser: Browser, app: TrustBoundary, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = browser.gateway.change_product(17, price_idr=1_700_017)
    await browser.put_in_cart(17, 3)
    await browser.put_in_cart(5, 2)
    path = f"/products/{product.slug}"
    seen = rendered(app, monkeypatch)
    async with calling(app) as http:
        other = Browser(http, browser.gateway)
        for _ in range(3):
            mine, others = await browser.get(path), await other.get(path)
            assert 'class="in-cart"' in mine.html
            assert 'class="in-cart"' not in others.html
            assert ">5<" in mine.html.split("</nav>")[0]
            assert "badge" not in others.html
            assert "slot-" not in mine.html + others.html
        assert seen.count("product.html") == 1
        # In another language, under another address, and from other bytes it is another page.
        assert (await other.get(f"{path}?lang=en")).language == "en"
        assert (await other.get(f"{path}?quantity=4&lang=id")).form("/cart").fields[
            "quantity"
        ] == "4"
        browser.gateway.change_product(17, stock=0)
        assert "Habis" in (await other.get(path)).text
        assert seen.count("product.html") == 4
    browser.gateway.answers["GET /api/products/17"] = lambda: problem(503)
    page = await browser.get(path)
    assert page.headers["age"], "what is kept is no answer by itself"
    assert "Habis" not in page.text


async def test_the_catalogue_costs_one_request_and_shows_the_newest_stock(
    browser: Browser, app: TrustBoundary, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.get("/")  # the brands are known from here on
    browser.gateway.calls.clear()
    newest = max(browser.gateway.products)
    seen = rendered(app, monkeypatch)
    for stock in (3, 3, 0, 2):
        browser.gateway.change_product(newest, stock=stock)
        page = await browser.get("/")
        assert (f"Sisa {stock}" if stock else "Habis") in page.text
    assert seen.count("catalogue.html") == 3
    assert [call.path for call in browser.gateway.calls] == ["/api/products"] * 4

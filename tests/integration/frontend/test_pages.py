"""Catalogue, products, language, errors: what pages show, whatever is asked of them."""

import asyncio
import html
import re
from urllib.parse import urlencode
from uuid import UUID

import pytest
from starlette.responses import JSONResponse, Response

from local.free_port import free_port
from services.api_gw.description import describe_api
from services.frontend.app import create_app
from services.frontend.trust_boundary import TrustBoundary
from tests.asgi import calling, running
from tests.integration.frontend.browsing import Browser, Page
from tests.integration.frontend.conftest import settings_for
from tests.integration.frontend.scripted_gateway import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SCRIPT = "<script>alert(1)</script>"
EMPTY = ("Tidak ada arloji yang cocok", "Halaman ini kosong")


MEDIA_TYPES = {"text/css", "text/javascript", "image/svg+xml"}


def loaded_by(page: Page) -> list[str]:
    """The addresses of what a browser loads with a page."""
    return [
        html.unescape(found) for found in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.html)
    ]


def cards(page: Page) -> int:
    return page.html.count('<li class="card">')


async def test_the_catalogue_shows_the_newest_twenty_four(browser: Browser) -> None:
    page = await browser.get("/")
    assert (page.status, page.language, cards(page)) == (200, "id", 24)
    assert "275 arloji" in page.text
    assert re.search(r"Rp \d{1,3}\.\d{3}\.\d{3}", page.text)
    assert page.headers["cache-control"] == "no-store", "going back must show today's cart"
    for path, text in zip(("/?q=zzzz", "/?page=99"), EMPTY, strict=True):
        page = await browser.get(path)
        assert (page.status, cards(page)) == (200, 0)
        assert text in page.text


async def test_filters_reach_the_api_and_stay_on_the_page(browser: Browser) -> None:
    page = await browser.get("/?q=penyelam&brand=Samudra&min_price=1.000.000&sort=price&page=1")
    (call,) = browser.gateway.calls_to("GET", "/api/products")
    kept = {"q": "penyelam", "brand": "Samudra", "sort": "price"}
    sent = {**kept, "min_price": "1000000", "page": "1", "page_size": "24"}
    assert call.query == sent
    form = page.form("/", q="penyelam")
    assert (form.method, form.fields["min_price"]) == ("get", "1.000.000")
    assert '<option value="Samudra" selected>' in page.html
    assert "/?q=penyelam&brand=Samudra&sort=price" in page.links, "the chip of the price"
    # Pages lead to each other with their filters.
    assert "/?brand=Samudra&page=2" in (await browser.get("/?brand=Samudra")).links
    second = await browser.get("/?brand=Samudra&page=2")
    assert cards(second) == 6
    assert "/?brand=Samudra" in second.links


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(("page=abc", ""), ("min_price=-1", "min_price"), ("sort=stock", "sort")),
        *(("min_price=2&max_price=1", "max_price"), ("q=" + "x" * 101, "q")),
    ],
)
async def test_a_filter_that_cannot_be_used_is_explained_and_left_out(
    browser: Browser, query: str, field: str
) -> None:
    page = await browser.get(f"/?{query}")
    assert (page.status, cards(page)) == (422, 24)
    assert page.title.startswith("Perlu diperbaiki")
    if field:
        assert page.attributes[field]["aria-invalid"] == "true"
        described = page.attributes[field]["aria-describedby"].split()
        assert all(name in page.attributes for name in described)
        assert f"#{field}" in page.links


async def test_a_search_that_the_api_refuses_is_explained(browser: Browser) -> None:
    answers = iter([problem(422), None])
    browser.gateway.answers["GET /api/products"] = lambda: (
        next(answers) or browser.gateway.search({})
    )
    page = await browser.get("/?q=a+b+c+d+e+f+g+h+i+j")
    assert page.status == 422
    assert page.form("/").fields["q"] == "a b c d e f g h i j"
    assert "paling banyak 8 kata" in page.text
    browser.gateway.answers["GET /api/products"] = lambda: problem(422)
    assert (await browser.get("/")).status == 422, "nothing is left to leave out"


async def test_a_product_has_its_page(browser: Browser) -> None:
    product = browser.gateway.products[17]
    page = await browser.get(f"/products/{product.slug}")
    assert product.name in page.title
    assert product.description in page.text
    assert page.form("/cart", action="add").fields["product_id"] == "17"
    assert product.description_en in (await browser.get(f"/products/{product.slug}?lang=en")).text
    # Newer services may say more than the shop knows.
    body = product.model_dump(mode="json") | {"strap_width_mm": 20, "movement": "tuning_fork"}
    browser.gateway.answers["GET /api/products/17"] = lambda: JSONResponse(body)
    page = await browser.get(f"/products/{product.slug}")
    assert page.status == 200
    assert "tuning fork" in page.text
    browser.gateway.answers["GET /api/products/17"] = lambda: Response(
        b"<html>", media_type="text/html"
    )
    assert (await browser.get("/products/17")).status == 502


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *(("/products", "/"), ("/products/", "/"), ("/cart/", "/cart"), ("/orders/", "/orders")),
        *(("/cart/?added=5", "/cart?added=5"), ("/products/17/", "/products/17")),
        (f"/orders/{UUID(int=1)}/", f"/orders/{UUID(int=1)}"),
        ("/products/%2e%2e%5cevil.example/", "/products/%2e%2e%5cevil.example"),
        *(
            (f"/products/{slug}?lang=en", "/products/{slug}?lang=en")
            for slug in ("17", "old-name-17", "-17", "017", "a b-17")
        ),
    ],
)
async def test_another_address_is_redirected_and_asked_for_each_time(
    browser: Browser, path: str, target: str
) -> None:
    page = await browser.get(path)
    slug = browser.gateway.products[17].slug
    assert (page.status, page.headers["location"]) == (308, target.format(slug=slug))
    # Browsers keep a 308 for good unless told otherwise, and an old one may lead back here.
    assert page.headers["cache-control"] == "private, max-age=0"


SLUGS = (
    *("nothing", "17-", "17x", "0", "-0", "99999", "9223372036854775808", "9" * 30, "1e3"),
    *("%2e%2e", "..%2f17x", "%00", "<b>", "%F0%9F%98%80", "\u0661", "17%0a"),
)
FILES = (
    "watches/other-6110c85fae29/dial=ink.svg",
    "watches/face/a",
    "nothing.css",
    "..%2fapp.py",
    "%2e%2e",
    "style.css%00",
    "a/b",
)


async def test_what_is_not_there_is_not_found(browser: Browser) -> None:
    for path in (*(f"products/{slug}" for slug in SLUGS), *(f"static/{name}" for name in FILES)):
        page = await browser.get(f"/{path}")
        assert (page.status, page.headers["content-type"][:9]) == (404, "text/html"), path
    # Of what could be a product the gateway was asked.
    assert [call.path for call in browser.gateway.calls] == ["/api/products/99999"]


async def test_hostile_text_is_shown_as_text(browser: Browser) -> None:
    names = ("brand", "name", "description", "face", "strap")
    browser.gateway.change_product(17, **dict.fromkeys(names, SCRIPT))
    await browser.put_in_cart(17)
    paths = [f"/products/{browser.gateway.products[17].slug}", "/cart", "/", "/?q=%ff%fe&&&=&a"]
    texts = (SCRIPT, "{{7*7}}", "'\">" + SCRIPT, "\x00\x1b[31m", "\u202e\ud7ff")
    queries = [dict.fromkeys(("q", "brand", "min_price", "sort"), text) for text in texts]
    for path in (*paths, *(f"/?{urlencode(query)}" for query in queries)):
        page = await browser.get(path)
        assert page.status in {200, 422}, path
        assert SCRIPT not in page.html
        assert "49" not in page.title


@pytest.mark.parametrize(
    ("stock", "text"),
    [(0, "Habis"), (3, "Sisa 3"), (80, "Tersedia"), (None, "Stok tidak diketahui")],
)
async def test_the_stock_is_told_in_words(browser: Browser, stock: int | None, text: str) -> None:
    slug = browser.gateway.change_product(17, stock=stock).slug
    page = await browser.get(f"/products/{slug}")
    assert text in page.text
    assert any(form.fields.get("action") == "add" for form in page.forms) is (stock != 0)


async def test_the_language_is_the_browsers_until_another_is_chosen(
    browser: Browser, stranger: Browser
) -> None:
    page = await stranger.get("/", headers={"Accept-Language": "en-GB,en;q=0.9,id;q=0.2"})
    assert page.language == page.headers["content-language"] == "en"
    assert "275 watches" in page.text
    assert page.headers["vary"] == "Cookie, Accept-Language"
    page = await browser.get("/?q=batik&lang=id")
    form = page.form("/language")
    assert form.fields["next"] == "/?q=batik"
    switched = await browser.submit(form, language="en")
    assert switched.headers["location"] == "/?q=batik"
    assert (await browser.follow(switched)).language == "en"
    for path, language in (("/cart", "en"), ("/?lang=id", "id"), ("/orders", "id")):
        assert (await browser.get(path)).language == language
    assert (await browser.get("/?lang=xx")).language == "id"
    for fields in ({"next": "/"}, {"language": "xx"}):
        assert (await browser.post("/language", fields)).status == 422
    page = await browser.post("/language", {"language": "en", "next": "//evil.example"})
    assert page.headers["location"] == "/"


@pytest.mark.parametrize("path", ["/?q=batik&page=2", "/products/{slug}"])
async def test_a_language_loses_nothing_that_was_not_sent_yet(browser: Browser, path: str) -> None:
    page = await browser.get(path.format(slug=browser.gateway.products[17].slug))
    typed = {"q": "batik", "min_price": "1.000.000"} if "?" in path else {"quantity": "3"}
    switched = await browser.press(page.button("language", "en"), **typed)
    assert "page=" not in switched.headers["location"], "of one list it is none of another"
    page = await browser.follow(switched)
    assert page.language == "en"
    form = page.form("/" if "?" in path else "/cart")
    assert {name: form.fields[name] for name in typed} == typed


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_fails_behind_the_shop_is_explained_and_can_be_tried_again(
    browser: Browser, status: int
) -> None:
    browser.gateway.answers["GET /api/products"] = lambda: problem(status, Retry_After="7")
    page = await browser.get("/?q=sa&lang=en")
    assert (page.status, page.language) == (status, "en")
    assert "/?q=sa" in page.links
    assert page.headers["cache-control"] == "no-store"
    assert page.headers.get("retry-after") == {429: "7", 503: "7"}.get(status)


async def test_the_api_is_described_for_people(browser: Browser) -> None:
    described = {"info": {"description": "Watches."}, "paths": describe_api()["paths"]}
    browser.gateway.answers["GET /api/openapi.json"] = lambda: JSONResponse(described)
    page = await browser.get("/developers")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert f"{method.upper()} {path} {operation['summary']}" in page.text
            for parameter in operation["parameters"]:
                assert parameter["name"] in page.text
    assert '"expected_total_idr": 4850000' in page.text
    assert "/api/openapi.json" in page.links
    assert "/developers" in (await browser.get("/")).links
    browser.gateway.answers["GET /api/openapi.json"] = lambda: JSONResponse({"paths": [1]})
    assert (await browser.get("/developers")).status == 502


async def test_an_error_page_names_its_trace_and_leads_to_it(browser: Browser) -> None:
    page = await browser.get("/nowhere")
    trace_id = page.headers["traceresponse"].split("-")[1]
    assert trace_id in page.text
    assert f"http://127.0.0.1:4318/traces/{trace_id}" in page.links
    assert page.form("/language").fields["next"] == "/nowhere"


@pytest.mark.parametrize("path", ["/language", "/cart", "/orders"])
async def test_no_other_body_than_a_form_of_ours_is_taken(browser: Browser, path: str) -> None:
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = await browser.http.post(path, headers={"Content-Type": kind}, content=b"--x--")
        assert Page(answer).status == 415, kind
    broken = (b"", b"%", b"%ff=%fe", b"\xff\xfe=\x00", b"a", b"=&=&;", b"product_id=%00&action=add")
    for content, statuses in (
        *((b"a=1&" * 100, {400}), (b"a=" + b"x" * 65536, {413})),
        *((text, {400, 422}) for text in (*broken, b"lines=5x1&key=k&expected_total_idr=x")),
    ):
        answer = await browser.http.post(path, headers=FORM, content=content)
        assert Page(answer).status in statuses, content[:40]


async def test_static_files_may_be_kept_for_as_long_as_their_name_says(
    browser: Browser, stranger: Browser
) -> None:
    addresses = loaded_by(await browser.get("/"))
    assert len(addresses) == 2 + 24 + 3, "style, script, watches, and three without hands"
    for address in addresses:
        answer = await stranger.http.get(address)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] in MEDIA_TYPES
        assert "set-cookie" not in answer.headers
        assert answer.headers["vary"] == "Accept-Encoding"
        plain = await stranger.http.get(address, headers={"Accept-Encoding": "br, gzip;q=0"})
        assert (answer.headers["content-encoding"], plain.content) == ("gzip", answer.content)
        assert "content-encoding" not in plain.headers
    # By a name of another version one gets today's file.
    for name in ("style.css", "style-000000000000.css", "watches/face-000000000000/dial=a%2Fb.svg"):
        answer = await browser.http.get(f"/static/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
    icon = await browser.http.get("/favicon.svg")
    assert icon.headers["content-type"] == "image/svg+xml"
    assert icon.headers["cache-control"] == "public, max-age=86400"
    assert "Disallow: /cart" in (await browser.http.get("/robots.txt")).text


async def test_without_a_gateway_the_shop_starts_but_is_not_ready() -> None:
    app = create_app(settings_for(f"http://127.0.0.1:{free_port()}"))
    async with running(app) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        page = Page(await http.get("/"))
        assert page.status == 503
        assert int(page.headers["retry-after"]) >= 1
        assert Page(await http.get("/cart")).status == 200, "an empty cart needs nobody"


async def test_it_is_ready_once_the_gateway_was_reached(app: TrustBoundary) -> None:
    async with calling(app) as http, asyncio.timeout(20):
        while (answer := await http.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.02)
    assert answer.json()["checks"]["api-gw"]["ok"]
    assert app.health.status == "ok"

"""The receiver's pages in a real browser: live, complete without a script, accessible."""

from collections.abc import Iterator

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from contracts.telemetry import ORDER_ID
from tests.otlp import FAILED, ORDER, gauge, histogram, log, pairs, post, span, span_id, trace_id
from tests.processes import ModuleProcess, receiver_process
from tests.servers import find_program

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    with receiver_process(tmp_path_factory.mktemp("receiver")) as process:
        yield process


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def url(receiver: ModuleProcess) -> str:
    """Of the receiver, with one order's trace, its logs and some metrics."""
    url = receiver.url
    httpx.delete(f"{url}/api/telemetry")
    post(url, "frontend", span(1, 1, name="POST /orders", length_ms=20))
    post(url, "publisher", span(1, 2, parent=1, start_ms=5, attributes={ORDER_ID: ORDER}))
    post(url, "consumer", span(1, 3, parent=2, start_ms=9, length_ms=30, status=FAILED))
    post(url, "consumer", log("not stored", trace=1, number=3, ms=20, severity=17))
    post(url, "publisher", log("accepted", trace=1, attributes=pairs({"step": 1})))
    post(url, "frontend", histogram("h", count=3, bucket_counts=[1, 1, 1], explicit_bounds=[1, 3]))
    post(url, "consumer", gauge("n"))
    return url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Whatever the page complains about fails the test."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
    yield page
    context.close()
    assert [one for one in complaints if "404 (Not Found)" not in one] == []


def test_an_order_is_followed_from_its_link_to_its_logs_and_stays_open_as_it_grows(
    page: Page, url: str
) -> None:
    page.goto(f"{url}/orders/{ORDER}")
    expect(page).to_have_url(f"{url}/traces/{trace_id(1)}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("POST /orders")
    names = page.locator(".waterfall .span-name").all_text_contents()
    assert names == ["POST /orders", "work", "work"]
    opened = page.locator(f"#span-{span_id(3)}")
    expect(opened.locator(".detail")).to_be_hidden()
    expect(page.get_by_text("not stored")).to_be_visible()
    page.get_by_title("The span that wrote it").click()
    expect(opened.locator(".detail")).to_contain_text("database is locked")
    opened.locator("summary").focus()
    post(url, "consumer", span(1, 4, parent=3, name="INSERT"))
    expect(page.get_by_text("INSERT")).to_be_visible(timeout=20_000)
    expect(opened).to_have_attribute("open", "")
    expect(opened.locator("summary")).to_be_focused()


def test_new_traces_appear_by_themselves_until_paused(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".traces tbody tr")).to_have_count(1)
    post(url, "frontend", span(2, name="GET /"))
    expect(page.locator(".traces tbody tr")).to_have_count(2, timeout=20_000)
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Paused")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_the_waiting_page_finds_the_trace(browser: Browser, url: str, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script)
    page = context.new_page()
    page.goto(f"{url}/traces/{trace_id(7)}")
    expect(page.get_by_role("heading", name="Not arrived yet")).to_be_visible()
    post(url, "frontend", span(7, name="GET /late"))
    expect(page.get_by_role("heading", name="GET /late")).to_be_visible(timeout=20_000)
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_is_accessible_and_fits(
    browser: Browser, url: str, scheme: str, width: int
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": width, "height": 800},
        reduced_motion="reduce",
    )
    page = context.new_page()
    for path in ("/", f"/traces/{trace_id(1)}", "/metrics", "/logs", "/orders/none", "/nothing"):
        page.goto(f"{url}{path}")
        for summary in page.locator("main details > summary").all():
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [(path, one["id"], one["nodes"][0]["html"]) for one in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()

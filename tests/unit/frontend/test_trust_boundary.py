"""The trust boundary: what a client claims about itself does not get in."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servicekit.http_server.health import Health
from services.frontend.cookies import ShopCookies
from services.frontend.cookies.cookie import CookieOptions
from services.frontend.guest import Guest, guest_of
from services.frontend.signing import StrictSigner
from services.frontend.trust_boundary import TrustBoundary
from tests.asgi import calling

Headers = list[tuple[bytes, bytes]]

SECRET = "s" * 40
COOKIES = ShopCookies((SECRET,), CookieOptions())
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
OTHER = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c12"), known=True)
PAIRS = [COOKIES.guest.header(one).split(";")[0].encode() for one in (GUEST, OTHER)]
STALE_TOKEN = StrictSigner((SECRET,), "guest").sign(str(GUEST.guest_id))
# What cookies come, beside none.
OWN, TWO_GUESTS = (b"cookie", PAIRS[0]), (b"cookie", b"; ".join(PAIRS))
UNREADABLE, STALE = (b"cookie", b"arloji_guest=x"), (b"cookie", b"arloji_guest=" + STALE_TOKEN)
LINK = [
    (b"sec-fetch-site", b"cross-site"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-dest", b"document"),
]
CROSS_SITE = {
    "cross-site": [(b"sec-fetch-site", b"cross-site")],
    "same-site": [(b"sec-fetch-site", b"same-site")],
    "foreign origin": [(b"origin", b"https://evil.example")],
    "null origin": [(b"origin", b"null")],
    "frame": [*LINK[:2], (b"sec-fetch-dest", b"iframe")],
}
FORGED = (
    *("traceparent", "tracestate", "baggage", "traceresponse", "forwarded", "x-forwarded-for"),
    *("x-forwarded-proto", "x-forwarded-host", "x-forwarded", "x-forwarded-prefix", "x-real-ip"),
    *("x-original-url", "x-rewrite-url", "true-client-ip", "x-client-ip", "cf-connecting-ip"),
    *("x-cluster-client-ip", "fastly-client-ip"),
    *("x-arloji-guest", "x-arloji-timeout-ms", "x-arloji-anything"),
)


class App:
    """Behind the boundary: notes the scope that reaches it, answers with `headers`."""

    def __init__(self, *headers: tuple[bytes, bytes]) -> None:
        self.scope: Scope = {}
        self._headers = list(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": b"ok"})


async def call(app: App, headers: Headers, path: str = "/", method: str = "GET") -> httpx.Headers:
    """The headers of the answer."""
    async with calling(TrustBoundary(app, Health(), COOKIES)) as client:
        return (await client.request(method, path, headers=headers)).headers


def cookie_names(headers: httpx.Headers) -> list[str]:
    return sorted(value.partition("=")[0] for value in headers.get_list("set-cookie"))


async def test_what_only_we_may_say_is_dropped() -> None:
    app = App()
    forged = [(name.encode(), b"1") for name in FORGED]
    await call(app, [(b"accept-language", b"en"), *forged, OWN])
    names = {name.decode() for name, _ in app.scope["headers"]}
    assert names & {"accept-language", "cookie", *FORGED} == {"accept-language", "cookie"}
    assert guest_of(app.scope) == GUEST


@pytest.mark.parametrize(
    ("brought", "known", "own_site", "link"),
    [
        ([], False, ["arloji_cart", "arloji_guest"], ["arloji_guest"]),
        ([OWN], True, ["arloji_cart"], []),
        ([STALE], True, ["arloji_cart", "arloji_guest"], []),
        ([UNREADABLE], False, ["arloji_cart", "arloji_guest"], []),
        ([TWO_GUESTS], False, ["arloji_cart", "arloji_guest"], []),
    ],
    ids=["nothing", "a guest", "a guest to be renewed", "nothing readable", "two guests"],
)
async def test_who_gets_which_cookie(
    brought: Headers, known: bool, own_site: list[str], link: list[str]
) -> None:
    """Another site gives and takes nothing; its plain link makes a guest of who has none."""
    app = App((b"set-cookie", b"arloji_cart=; Path=/; Max-Age=0"))
    answer = await call(app, brought)
    assert cookie_names(answer) == own_site
    found = guest_of(app.scope)
    assert (found.known, found.guest_id == GUEST.guest_id) == (known, known)
    for cookie in answer.get_list("set-cookie"):
        assert not cookie.startswith("arloji_guest") or str(found.guest_id) in cookie
    assert cookie_names(await call(app, [*brought, *LINK])) == link
    for initiator, headers in CROSS_SITE.items():
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            for path in ("/", "/api/orders"):
                answer = await call(app, [*brought, *headers], path, method)
                assert cookie_names(answer) == [], (initiator, method, path)


async def test_what_the_app_says_of_a_cookie_wins() -> None:
    response = Response()
    COOKIES.forget_guest(response)
    forgotten = response.headers.getlist("set-cookie")
    for brought in ([STALE], [OWN], []):
        answer = await call(App(*response.raw_headers), brought)
        assert answer.get_list("set-cookie") == forgotten


async def test_an_answer_with_a_new_cookie_is_never_cached() -> None:
    app = App((b"cache-control", b"public, max-age=600"))
    assert (await call(app, [])).get_list("cache-control") == ["no-store"]
    assert (await call(app, [OWN]))["cache-control"] == "public, max-age=600"


@pytest.mark.parametrize(
    "path", ["/static/style.css", "/healthz", "/readyz", "/robots.txt", "/favicon.svg"]
)
async def test_what_is_the_same_for_everybody_makes_no_guests(path: str) -> None:
    assert cookie_names(await call(App(), [], path)) == []


async def test_the_lifespan_passes_untouched() -> None:
    async def unused(*_: object) -> Any:
        raise AssertionError

    app, scope = App(), {"type": "lifespan"}
    await TrustBoundary(app, Health(), COOKIES)(scope, unused, unused)
    assert app.scope == scope

"""The trust boundary: what a client claims about itself does not get in."""

from typing import Any
from uuid import UUID

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from servicekit.http_server.health import Health
from services.frontend.cookies import ShopCookies
from services.frontend.cookies.cookie import CookieOptions
from services.frontend.guest import Guest, guest_of
from services.frontend.signing import StrictSigner
from services.frontend.trust_boundary import TrustBoundary

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


async def call(app: App, headers: Headers, path: str = "/", method: str = "GET") -> Headers:
    """The headers of the answer."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    await TrustBoundary(app, Health(), COOKIES)(scope, receive, send)
    answer: Headers = sent[0]["headers"]
    return answer


def values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def cookie_names(headers: Headers) -> list[bytes]:
    return sorted(value.partition(b"=")[0] for value in values(headers, b"set-cookie"))


async def test_what_only_we_may_say_is_dropped() -> None:
    app = App()
    forged = [(name.encode(), b"1") for name in FORGED]
    await call(app, [(b"accept", b"*/*"), *forged, OWN])
    assert app.scope["headers"] == [(b"accept", b"*/*"), OWN]
    assert guest_of(app.scope) == GUEST


@pytest.mark.parametrize(
    ("brought", "known", "own_site", "link"),
    [
        ([], False, [b"arloji_cart", b"arloji_guest"], [b"arloji_guest"]),
        ([OWN], True, [b"arloji_cart"], []),
        ([STALE], True, [b"arloji_cart", b"arloji_guest"], []),
        ([UNREADABLE], False, [b"arloji_cart", b"arloji_guest"], []),
        ([TWO_GUESTS], False, [b"arloji_cart", b"arloji_guest"], []),
    ],
    ids=["nothing", "a guest", "a guest to be renewed", "nothing readable", "two guests"],
)
async def test_who_gets_which_cookie(
    brought: Headers, known: bool, own_site: list[bytes], link: list[bytes]
) -> None:
    """Another site gives and takes nothing; its plain link makes a guest of who has none."""
    app = App((b"set-cookie", b"arloji_cart=; Path=/; Max-Age=0"))
    answer = await call(app, brought)
    assert cookie_names(answer) == own_site
    found = guest_of(app.scope)
    assert (found.known, found.guest_id == GUEST.guest_id) == (known, known)
    for cookie in values(answer, b"set-cookie"):
        assert not cookie.startswith(b"arloji_guest") or str(found.guest_id).encode() in cookie
    assert cookie_names(await call(app, [*brought, *LINK])) == link
    for initiator, headers in CROSS_SITE.items():
        for method in ("GET", "HEAD", "POST", "OPTIONS"):
            for path in ("/", "/api/orders"):
                answer = await call(app, [*brought, *headers], path, method)
                assert cookie_names(answer) == [], (initiator, method, path)


async def test_what_the_app_says_of_a_cookie_wins() -> None:
    response = Response()
    COOKIES.forget_guest(response)
    forgotten = [pair for pair in response.raw_headers if pair[0] == b"set-cookie"]
    for brought in ([STALE], [OWN], []):
        answer = await call(App(*forgotten), brought)
        assert [pair for pair in answer if pair[0] == b"set-cookie"] == forgotten


async def test_an_answer_with_a_new_cookie_is_never_cached() -> None:
    app = App((b"cache-control", b"public, max-age=600"))
    assert values(await call(app, []), b"cache-control") == [b"no-store"]
    assert values(await call(app, [OWN]), b"cache-control") == [b"public, max-age=600"]


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

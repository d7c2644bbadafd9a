"""The trust boundary: what a client claims about itself does not get in."""

from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message, Receive, Scope, Send

from servicekit.http_server.health import Health
from services.frontend.boundary import TrustBoundary
from services.frontend.cookie import CookieStyle
from services.frontend.cookies import ShopCookies
from services.frontend.guest import Guest, guest_of
from services.frontend.signing import StrictSigner

SECRET = "s" * 40
COOKIES = ShopCookies((SECRET,), CookieStyle())
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
OTHER = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c12"), known=True)


def pair_of(guest: Guest) -> bytes:
    return COOKIES.guest.write(guest).split(";")[0].encode()


OWN_COOKIE = (b"cookie", pair_of(GUEST))
# Who comes with what, beside somebody who brings nothing.
TWO_GUESTS = (b"cookie", pair_of(GUEST) + b"; " + pair_of(OTHER))
UNREADABLE = (b"cookie", b"arloji_guest=x")
TO_BE_RENEWED = (
    b"cookie",
    b"arloji_guest=" + StrictSigner((SECRET,), "guest").sign(str(GUEST.guest_id)),
)
LINK = [
    (b"sec-fetch-site", b"cross-site"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-dest", b"document"),
]
STRANGERS = {
    "cross-site": [(b"sec-fetch-site", b"cross-site")],
    "same-site": [(b"sec-fetch-site", b"same-site")],
    "foreign origin": [(b"origin", b"https://evil.example")],
    "null origin": [(b"origin", b"null")],
    "frame": [*LINK[:2], (b"sec-fetch-dest", b"iframe")],
}
FORGED = [
    (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"),
    (b"tracestate", b"x=y"),
    (b"baggage", b"admin=true"),
    (b"traceresponse", b"00"),
    (b"x-arloji-guest", b"6f1c0c7e-0000-4f43-9d3b-2f4f2f1b0c11"),
    (b"x-arloji-timeout-ms", b"1"),
    (b"x-arloji-anything", b"1"),
]
FORWARDED = [
    (b"forwarded", b"for=1.2.3.4"),
    (b"x-forwarded-for", b"1.2.3.4"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"evil.example"),
    (b"x-forwarded", b"for=1.2.3.4"),
    (b"x-forwarded-prefix", b"/evil"),
    (b"x-real-ip", b"1.2.3.4"),
    (b"x-original-url", b"/api/orders"),
    (b"x-rewrite-url", b"/api/orders"),
    (b"true-client-ip", b"1.2.3.4"),
]


class Seen:
    """The app behind the boundary: notes the scope that reaches it, answers with `headers`."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope: Scope = {}
        self._headers = headers or []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": b"ok"})


async def call(
    app: Seen,
    headers: list[tuple[bytes, bytes]],
    *,
    path: str = "/",
    method: str = "GET",
    secure: bool = False,
) -> list[tuple[bytes, bytes]]:
    """The headers of the answer."""
    boundary = TrustBoundary(app, health=Health(), cookies=COOKIES, secure=secure)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path}
    await boundary({**scope, "headers": headers}, receive, send)
    answer: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return answer


def values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


async def test_what_only_we_may_say_is_dropped() -> None:
    app = Seen()
    await call(app, [(b"accept", b"*/*"), *FORGED, *FORWARDED, OWN_COOKIE])
    assert app.scope["headers"] == [(b"accept", b"*/*"), OWN_COOKIE]
    assert guest_of(app.scope) == GUEST


async def test_an_unknown_guest_gets_a_cookie() -> None:
    app = Seen()
    answer = await call(app, [])
    (cookie,) = values(answer, b"set-cookie")
    assert str(guest_of(app.scope).guest_id).encode() in cookie
    assert not guest_of(app.scope).known


async def test_a_known_guest_gets_no_second_cookie() -> None:
    assert values(await call(Seen(), [OWN_COOKIE]), b"set-cookie") == []


async def test_an_answer_with_a_new_cookie_is_never_cached() -> None:
    app = Seen([(b"cache-control", b"public, max-age=600")])
    assert values(await call(app, []), b"cache-control") == [b"no-store"]
    assert values(await call(app, [OWN_COOKIE]), b"cache-control") == [b"public, max-age=600"]


@pytest.mark.parametrize("path", ["/static/style.css", "/healthz", "/readyz", "/robots.txt"])
async def test_what_is_the_same_for_everybody_makes_no_guests(path: str) -> None:
    assert values(await call(Seen(), [], path=path), b"set-cookie") == []


APP_COOKIES = [(b"set-cookie", b"arloji_cart=; Path=/; Max-Age=0")]


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS.keys())
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_no_cookie_is_set_for_another_site_whoever_comes(
    stranger: list[tuple[bytes, bytes]], method: str
) -> None:
    for brought in ([], [OWN_COOKIE], [UNREADABLE], [TWO_GUESTS], [TO_BE_RENEWED]):
        for path in ("/", "/nothing", "/api/orders", "/cart"):
            app = Seen(APP_COOKIES)
            answer = await call(app, [*brought, *stranger], path=path, method=method)
            assert values(answer, b"set-cookie") == [], (brought, path)


async def test_a_followed_link_makes_a_guest_of_those_alone_who_have_none() -> None:
    (cookie,) = values(await call(Seen(APP_COOKIES), LINK), b"set-cookie")
    assert cookie.startswith(b"arloji_guest=")
    for brought in (OWN_COOKIE, UNREADABLE, TWO_GUESTS, TO_BE_RENEWED):
        answer = await call(Seen(APP_COOKIES), [brought, *LINK])
        assert values(answer, b"set-cookie") == [], brought


@pytest.mark.parametrize("brought", [UNREADABLE, TWO_GUESTS])
async def test_who_cannot_be_told_starts_anew(brought: tuple[bytes, bytes]) -> None:
    app = Seen(APP_COOKIES)
    names = [one.partition(b"=")[0] for one in values(await call(app, [brought]), b"set-cookie")]
    assert sorted(names) == [b"arloji_cart", b"arloji_guest"]
    assert not guest_of(app.scope).known


async def test_a_guest_is_renewed_unless_the_answer_says_otherwise() -> None:
    (cookie,) = values(await call(Seen(), [TO_BE_RENEWED]), b"set-cookie")
    assert str(GUEST.guest_id).encode() in cookie
    forgotten = [(b"set-cookie", one.encode()) for one in COOKIES.forget()]
    for brought in ([TO_BE_RENEWED], [OWN_COOKIE], []):
        answer = await call(Seen(forgotten), brought)
        assert [pair for pair in answer if pair[0] == b"set-cookie"] == forgotten


async def test_security_headers_are_set_once_and_win() -> None:
    answer = await call(Seen([(b"content-security-policy", b"default-src *")]), [])
    (policy,) = values(answer, b"content-security-policy")
    assert b"script-src 'self'" in policy
    assert b"unsafe-inline" not in policy
    assert values(answer, b"x-content-type-options") == [b"nosniff"]


async def test_browsers_are_told_to_stay_with_https_behind_tls_only() -> None:
    assert values(await call(Seen(), []), b"strict-transport-security") == []
    assert values(await call(Seen(), [], secure=True), b"strict-transport-security")


async def test_the_lifespan_passes_untouched() -> None:
    app = Seen()
    boundary = TrustBoundary(app, health=Health(), cookies=COOKIES, secure=False)
    scope = {"type": "lifespan"}

    async def unused(*_: object) -> Any:
        raise AssertionError

    await boundary(scope, unused, unused)
    assert app.scope == scope

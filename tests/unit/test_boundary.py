"""The trust boundary: what a client claims about itself does not get in."""

from ipaddress import ip_network
from typing import Any
from uuid import UUID

import pytest
from starlette.types import Message, Receive, Scope, Send

from servicekit.health import Health
from services.frontend.boundary import TrustBoundary
from services.frontend.guest import Guest, GuestCookie, guest_of

COOKIE = GuestCookie(("s" * 40,), secure=False)
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
OWN_COOKIE = (b"cookie", COOKIE.set_cookie(GUEST).split(b";")[0])
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
    (b"x-real-ip", b"1.2.3.4"),
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
    client: tuple[str, int] | None = ("10.0.0.7", 1234),
    trusted: str | None = None,
    secure: bool = False,
) -> list[tuple[bytes, bytes]]:
    """The headers of the answer."""
    boundary = TrustBoundary(
        app,
        health=Health(),
        guest_cookie=COOKIE,
        trusted_ingress=(ip_network(trusted),) if trusted else (),
        secure=secure,
    )
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "client": client}
    await boundary({**scope, "headers": headers}, receive, send)
    answer: list[tuple[bytes, bytes]] = sent[0]["headers"]
    return answer


def values(headers: list[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


async def test_what_only_we_may_say_is_dropped() -> None:
    app = Seen()
    await call(app, [(b"accept", b"*/*"), *FORGED, *FORWARDED])
    assert app.scope["headers"] == [(b"accept", b"*/*")]


async def test_a_known_guest_is_named_once_whatever_was_claimed() -> None:
    app = Seen()
    await call(app, [*FORGED, OWN_COOKIE])
    named = values(app.scope["headers"], b"x-arloji-guest")
    assert named == [str(GUEST.guest_id).encode()]
    assert guest_of(app.scope) == GUEST


async def test_an_unknown_guest_is_not_named_inside_and_gets_a_cookie() -> None:
    app = Seen()
    answer = await call(app, [])
    assert values(app.scope["headers"], b"x-arloji-guest") == []
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


@pytest.mark.parametrize(
    ("client", "trusted", "kept"),
    [
        (("10.0.0.7", 1), "10.0.0.0/24", True),
        (("10.0.1.7", 1), "10.0.0.0/24", False),
        (("::1", 1), "10.0.0.0/24", False),
        (("not an address", 1), "10.0.0.0/24", False),
        (None, "10.0.0.0/24", False),
        (("10.0.0.7", 1), None, False),
    ],
)
async def test_forwarded_headers_are_kept_from_the_ingress_only(
    client: tuple[str, int] | None, trusted: str | None, kept: bool
) -> None:
    app = Seen()
    await call(app, [*FORGED, *FORWARDED], client=client, trusted=trusted)
    assert app.scope["headers"] == (FORWARDED if kept else [])


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
    boundary = TrustBoundary(
        app, health=Health(), guest_cookie=COOKIE, trusted_ingress=(), secure=False
    )
    scope = {"type": "lifespan"}

    async def unused(*_: object) -> Any:
        raise AssertionError

    await boundary(scope, unused, unused)
    assert app.scope == scope

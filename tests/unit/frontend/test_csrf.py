"""Who may send a form: the matrix of method, Fetch Metadata and Origin; and the form's token."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.csrf import (
    SCOPE_KEY,
    CrossOriginRequest,
    FormTokens,
    Initiator,
    find_initiator,
    require_same_origin,
)

OLD, NEW = "o" * 40, "n" * 40
OWN, LINK, FOREIGN = Initiator.SAME_ORIGIN, Initiator.NAVIGATION, Initiator.CROSS_SITE
HTTPS, EVIL = "https://shop.example", "https://evil.example"
CROSS_SITE_LINK = "site=cross-site mode=navigate dest=document"


def initiator(method: str, headers: str, *, secure: bool = False) -> Initiator:
    """`headers` are separated by spaces; `site`, `mode` and `dest` are those of Fetch Metadata."""
    pairs = [one.partition("=")[::2] for one in headers.split()]
    if "host" not in dict(pairs):
        pairs.append(("host", "shop.example"))
    fetch = {"site", "mode", "dest"}
    named = [(f"sec-fetch-{name}" if name in fetch else name, value) for name, value in pairs]
    encoded = [(name.encode(), value.encode()) for name, value in named]
    return find_initiator({"type": "http", "method": method, "headers": encoded}, secure=secure)


@pytest.mark.parametrize("who", Initiator)
def test_anybody_may_read_and_only_our_own_pages_may_write(who: Initiator) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "post"):
        scope: Any = {"type": "http", "method": method, "headers": [], SCOPE_KEY: who}
        if method in {"GET", "HEAD", "OPTIONS"} or who is OWN:
            require_same_origin(scope)
        else:
            with pytest.raises(CrossOriginRequest):
                require_same_origin(scope)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ("", OWN),  # a program: no ambient cookies to abuse
        *((f"origin={HTTPS}", OWN), ("origin=http://shop.example", OWN)),
        *((f"origin={HTTPS}:443", OWN), (f"origin={HTTPS.upper()}", OWN)),
        *((f"origin={HTTPS}:8443", FOREIGN), (f"origin={HTTPS}.evil.example", FOREIGN)),
        *(("origin=https://evilshop.example", FOREIGN), (f"origin={EVIL}", FOREIGN)),
        *(("origin=null", FOREIGN), ("origin=", FOREIGN), ("origin=file://", FOREIGN)),
        (f"origin={HTTPS} origin={HTTPS}", FOREIGN),
        (f"origin={HTTPS} host=shop.example host=shop.example", FOREIGN),
        (f"origin={HTTPS} host=frontend:8080", FOREIGN),
        *(("site=same-origin", OWN), ("site=none", OWN), (f"site=same-origin origin={EVIL}", OWN)),
        *(("site=same-site", FOREIGN), (f"site=same-site origin={HTTPS}", FOREIGN)),
        *(("site=cross-site", FOREIGN), (f"site=cross-site origin={HTTPS}", FOREIGN)),
        *(("site=", FOREIGN), ("site=Same-Origin", FOREIGN), ("site=nonsense", FOREIGN)),
        ("site=same-origin site=same-origin", FOREIGN),
    ],
)
def test_the_browser_says_whose_page_sends_a_request(
    method: str, headers: str, expected: Initiator
) -> None:
    assert initiator(method, headers) is expected


@pytest.mark.parametrize(
    ("method", "headers", "expected"),
    [
        *(("GET", CROSS_SITE_LINK, LINK), ("HEAD", CROSS_SITE_LINK, FOREIGN)),
        *(("POST", CROSS_SITE_LINK, FOREIGN), ("GET", f"{CROSS_SITE_LINK} origin=null", FOREIGN)),
        ("GET", "site=same-site mode=navigate dest=document", LINK),
        ("GET", "site=cross-site mode=navigate dest=iframe", FOREIGN),
        ("GET", "site=cross-site mode=no-cors dest=document", FOREIGN),
        ("GET", "site=cross-site dest=document", FOREIGN),
        ("GET", "site=none mode=navigate dest=document", OWN),
    ],
)
def test_a_followed_link_is_the_request_for_a_whole_page(
    method: str, headers: str, expected: Initiator
) -> None:
    assert initiator(method, headers) is expected


def test_behind_tls_a_page_without_it_is_another_site() -> None:
    assert initiator("POST", f"origin={HTTPS}", secure=True) is OWN
    assert initiator("POST", "origin=http://shop.example", secure=True) is FOREIGN


def test_without_a_host_no_origin_is_ours_and_the_operator_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    scope = {"type": "http", "method": "POST", "headers": [(b"origin", HTTPS.encode())]}
    with pytest.raises(CrossOriginRequest):
        require_same_origin({**scope, SCOPE_KEY: find_initiator(scope, secure=False)})
    assert "a proxy in front must pass Host on" in caplog.text


def test_a_form_token_is_good_for_its_guest_and_survives_a_rotation() -> None:
    guest = uuid4()
    token = FormTokens((OLD,)).create_token(guest)
    assert FormTokens((NEW, OLD)).is_valid(token, guest)
    assert not FormTokens((OLD,)).is_valid(token, uuid4())
    assert not FormTokens((NEW,)).is_valid(token, guest)


@given(st.text(max_size=300))
def test_no_other_text_is_a_token(text: str) -> None:
    assert not FormTokens((NEW,)).is_valid(text, uuid4())

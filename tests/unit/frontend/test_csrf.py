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
HTTPS = "https://shop.example"


def initiator(method: str = "POST", *, secure: bool = False, **headers: str) -> Initiator:
    """Several values of one header are separated by `|`."""
    pairs = [
        (name.replace("_", "-").encode(), value.encode())
        for name, line in {"host": "shop.example", **headers}.items()
        for value in line.split("|")
    ]
    return find_initiator({"type": "http", "method": method, "headers": pairs}, secure=secure)


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
        ({}, OWN),  # a program: no ambient cookies to abuse
        *(
            ({"origin": origin}, OWN)
            for origin in (HTTPS, "http://shop.example", f"{HTTPS}:443", HTTPS.upper())
        ),
        *(
            ({"origin": origin}, FOREIGN)
            for origin in (
                *(f"{HTTPS}:8443", f"{HTTPS}.evil.example", "https://evilshop.example"),
                *("https://evil.example", "null", "", "file://", f"{HTTPS}|{HTTPS}"),
            )
        ),
        ({"origin": HTTPS, "host": "shop.example|shop.example"}, FOREIGN),
        ({"origin": HTTPS, "host": "frontend:8080"}, FOREIGN),
        ({"sec_fetch_site": "same-origin"}, OWN),
        ({"sec_fetch_site": "same-origin", "origin": "https://evil.example"}, OWN),
        ({"sec_fetch_site": "none"}, OWN),
        *(
            ({"sec_fetch_site": site, **more}, FOREIGN)
            for site in ("same-site", "cross-site", "", "Same-Origin", "nonsense")
            for more in ({}, {"origin": HTTPS})
        ),
        ({"sec_fetch_site": "same-origin|same-origin"}, FOREIGN),
    ],
)
def test_the_browser_says_whose_page_sends_a_request(
    method: str, headers: dict[str, Any], expected: Initiator
) -> None:
    assert initiator(method, **headers) is expected


@pytest.mark.parametrize(
    ("method", "other", "expected"),
    [
        ("GET", {}, LINK),
        ("GET", {"sec_fetch_site": "same-site"}, LINK),
        *(("GET", {"sec_fetch_dest": dest}, FOREIGN) for dest in ("iframe", "image", "")),
        *(("GET", {"sec_fetch_mode": mode}, FOREIGN) for mode in ("no-cors", "")),
        *(("GET", {"origin": origin}, FOREIGN) for origin in ("https://evil.example", "null")),
        *((method, {}, FOREIGN) for method in ("HEAD", "POST")),
        ("GET", {"sec_fetch_site": "none"}, OWN),
    ],
)
def test_a_followed_link_is_the_request_for_a_whole_page(
    method: str, other: dict[str, Any], expected: Initiator
) -> None:
    link: dict[str, Any] = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert initiator(method, **{**link, "sec_fetch_dest": "document", **other}) is expected


def test_behind_tls_a_page_without_it_is_another_site() -> None:
    assert initiator(secure=True, origin=HTTPS) is OWN
    assert initiator(secure=True, origin="http://shop.example") is FOREIGN


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
    assert FormTokens((OLD,)).is_valid(token, guest)
    assert FormTokens((NEW, OLD)).is_valid(token, guest)
    assert not FormTokens((OLD,)).is_valid(token, uuid4())
    assert not FormTokens((NEW,)).is_valid(token, guest)


@given(st.text(max_size=300))
def test_no_other_text_is_a_token(text: str) -> None:
    assert not FormTokens((NEW,)).is_valid(text, uuid4())

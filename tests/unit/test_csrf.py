"""Who may send a form: the matrix of method, Fetch Metadata and Origin; and the form's token."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.csrf import CrossOriginRequest, FormTokens, require_same_origin

OLD, NEW = "o" * 40, "n" * 40
HOST = "shop.example"


def allowed(method: str, *, host: tuple[str, ...] = (HOST,), **headers: str | None) -> bool:
    pairs = [(b"host", value.encode()) for value in host]
    for name, value in headers.items():
        if value is not None:
            pairs.append((name.replace("_", "-").encode(), value.encode("latin-1")))
    try:
        require_same_origin({"type": "http", "method": method, "headers": pairs})
    except CrossOriginRequest:
        return False
    return True


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("site", [None, "same-origin", "same-site", "cross-site", "none"])
@pytest.mark.parametrize("origin", [None, f"https://{HOST}", "https://evil.example", "null"])
def test_safe_methods_pass_from_anywhere(method: str, site: str | None, origin: str | None) -> None:
    assert allowed(method, sec_fetch_site=site, origin=origin)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "post"])
@pytest.mark.parametrize(
    ("site", "origin", "expected"),
    [
        (None, None, True),  # a program: no ambient cookies to abuse
        (None, f"https://{HOST}", True),
        (None, f"http://{HOST}", True),
        (None, f"https://{HOST}:443", True),
        (None, f"HTTPS://{HOST.upper()}", True),
        (None, f"https://{HOST}:8443", False),
        (None, "https://evil.example", False),
        (None, f"https://{HOST}.evil.example", False),
        (None, f"https://evil{HOST}", False),
        (None, "null", False),
        (None, "", False),
        (None, "file://", False),
        ("same-origin", None, True),
        ("same-origin", "https://evil.example", True),  # Fetch Metadata decides
        ("none", None, True),
        ("same-site", None, False),
        ("same-site", f"https://{HOST}", False),
        ("cross-site", None, False),
        ("cross-site", f"https://{HOST}", False),
        ("", None, False),
        ("Same-Origin", None, False),
        ("nonsense", None, False),
    ],
)
def test_unsafe_methods_pass_from_our_own_pages_only(
    method: str, site: str | None, origin: str | None, expected: bool
) -> None:
    assert allowed(method, sec_fetch_site=site, origin=origin) is expected


def test_a_repeated_header_is_refused_rather_than_interpreted() -> None:
    twice = [(b"host", b"shop.example"), *[(b"sec-fetch-site", b"same-origin")] * 2]
    with pytest.raises(CrossOriginRequest):
        require_same_origin({"type": "http", "method": "POST", "headers": twice})


def test_without_one_clear_host_no_origin_is_ours() -> None:
    assert not allowed("POST", host=(), origin=f"https://{HOST}")
    assert not allowed("POST", host=(HOST, HOST), origin=f"https://{HOST}")


def test_a_form_token_is_good_for_its_guest_only() -> None:
    tokens, guest = FormTokens((NEW,)), uuid4()
    token = tokens.create_token(guest)
    assert tokens.is_valid(token, guest)
    assert not tokens.is_valid(token, uuid4())


def test_form_tokens_survive_a_rotation_of_secrets() -> None:
    guest = uuid4()
    token = FormTokens((OLD,)).create_token(guest)
    assert FormTokens((NEW, OLD)).is_valid(token, guest)
    assert not FormTokens((NEW,)).is_valid(token, guest)


@given(st.text(max_size=300))
def test_no_other_text_is_a_token(text: str) -> None:
    assert not FormTokens((NEW,)).is_valid(text, uuid4())

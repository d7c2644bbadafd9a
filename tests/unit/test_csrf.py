"""Who may send a form: the matrix of method, Fetch Metadata and Origin; and the form's token."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.csrf import (
    SCOPE_KEY,
    CrossOriginRequest,
    FormTokens,
    Sender,
    find_sender,
    require_own_sender,
)

OLD, NEW = "o" * 40, "n" * 40
HOST = "shop.example"


def sender(
    method: str,
    *,
    host: tuple[str, ...] = (HOST,),
    secure: bool = False,
    **headers: str | None,
) -> Sender:
    pairs = [(b"host", value.encode()) for value in host]
    for name, value in headers.items():
        if value is not None:
            pairs.append((name.replace("_", "-").encode(), value.encode("latin-1")))
    return find_sender({"type": "http", "method": method, "headers": pairs}, secure=secure)


def allowed(method: str, who: Sender) -> bool:
    try:
        require_own_sender({"type": "http", "method": method, "headers": [], SCOPE_KEY: who})
    except CrossOriginRequest:
        return False
    return True


@pytest.mark.parametrize("who", Sender)
def test_anybody_may_read_and_only_our_own_pages_may_write(who: Sender) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert allowed(method, who)
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "post"):
        assert allowed(method, who) is (who is Sender.SHOP)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    ("site", "origin", "own"),
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
def test_the_browser_says_whose_page_sends_a_request(
    method: str, site: str | None, origin: str | None, own: bool
) -> None:
    found = sender(method, sec_fetch_site=site, origin=origin)
    assert found is (Sender.SHOP if own else Sender.STRANGER)


@pytest.mark.parametrize(
    ("method", "other", "expected"),
    [
        ("GET", {}, Sender.LINK),
        ("GET", {"sec_fetch_site": "same-site"}, Sender.LINK),
        ("GET", {"sec_fetch_dest": "iframe"}, Sender.STRANGER),
        ("GET", {"sec_fetch_dest": "image"}, Sender.STRANGER),
        ("GET", {"sec_fetch_mode": "no-cors"}, Sender.STRANGER),
        ("GET", {"sec_fetch_mode": None}, Sender.STRANGER),
        ("GET", {"origin": "https://evil.example"}, Sender.STRANGER),
        ("GET", {"origin": "null"}, Sender.STRANGER),
        ("HEAD", {}, Sender.STRANGER),
        ("POST", {}, Sender.STRANGER),
        ("GET", {"sec_fetch_site": "none"}, Sender.SHOP),
    ],
)
def test_a_followed_link_is_the_request_for_a_whole_page(
    method: str, other: dict[str, str | None], expected: Sender
) -> None:
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    headers: dict[str, str | None] = {**link, "sec_fetch_dest": "document", **other}
    assert sender(method, **headers) is expected  # type: ignore[arg-type]


def test_a_repeated_header_is_refused_rather_than_interpreted() -> None:
    for name in (b"sec-fetch-site", b"origin"):
        value = b"same-origin" if name == b"sec-fetch-site" else b"https://shop.example"
        headers = [(b"host", b"shop.example"), (name, value), (name, value)]
        scope = {"type": "http", "method": "POST", "headers": headers}
        assert find_sender(scope, secure=False) is Sender.STRANGER


def test_without_one_clear_host_no_origin_is_ours() -> None:
    assert sender("POST", host=(), origin=f"https://{HOST}") is Sender.STRANGER
    assert sender("POST", host=(HOST, HOST), origin=f"https://{HOST}") is Sender.STRANGER


def test_behind_tls_a_page_without_it_is_another_site() -> None:
    assert sender("POST", secure=True, origin=f"https://{HOST}") is Sender.SHOP
    assert sender("POST", secure=True, origin=f"http://{HOST}") is Sender.STRANGER


def test_a_host_that_a_proxy_has_rewritten_is_told_to_the_operator(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    headers = [(b"host", b"frontend:8080"), (b"origin", b"https://shop.example")]
    scope = {"type": "http", "method": "POST", "headers": headers}
    with pytest.raises(CrossOriginRequest):
        require_own_sender({**scope, SCOPE_KEY: find_sender(scope, secure=False)})
    assert "a proxy in front must pass Host on" in caplog.text


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

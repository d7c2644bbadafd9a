"""All cookies of the shop: whose they are, what each is signed for, and how they end."""

import random
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from contracts.orders import MAX_LINES, MAX_PRODUCT_ID, MAX_QUANTITY, OrderLine
from services.frontend.app import create_app
from services.frontend.cart import Cart
from services.frontend.cookies import Headers, ShopCookies
from services.frontend.cookies.cookie import CookieOptions
from services.frontend.csrf import FormTokens
from services.frontend.guest import Guest
from services.frontend.settings import Settings
from services.frontend.signing import GuestSigner, SessionSecrets, StrictSigner

OLD, NEW = "o" * 40, "n" * 40
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
ID = GUEST.guest_id
VALUES: dict[str, Any] = {
    "cart": Cart().add(5, 2),
    "checkout": uuid4(),
    "draft": {"name": "Sari"},
    "receipt": {"order_id": "x", "prices_idr": {"5": 1}},
}


def cookies_of(*secrets: str, **options: Any) -> ShopCookies:
    return ShopCookies(secrets or (NEW,), CookieOptions(**options))


COOKIES = cookies_of()


def written(cookies: ShopCookies) -> list[str]:
    """Every cookie that there is, as `Set-Cookie` has it."""
    response = Response()
    cookies.language.set(response, "en")
    for name, value in VALUES.items():
        getattr(cookies, name).set(response, value, ID)
    return [cookies.guest.header(GUEST), *response.headers.getlist("set-cookie")]


def brought(*set_cookies: str) -> Headers:
    """The header of a request after these were set."""
    return [(b"cookie", "; ".join(one.split(";")[0] for one in set_cookies).encode("latin-1"))]


def read_all(cookies: ShopCookies, headers: Headers, guest_id: UUID = ID) -> dict[str, Any]:
    found = {name: getattr(cookies, name).read(headers, guest_id) for name in VALUES}
    return {name: value for name, value in found.items() if value is not None}


def names_of(set_cookies: list[str]) -> set[str]:
    return {one.partition("=")[0] for one in set_cookies}


@pytest.mark.parametrize(
    ("secure", "prefix", "end"), [(False, "", ""), (True, "__Host-", "; Secure")]
)
def test_attributes_of_every_cookie(secure: bool, prefix: str, end: str) -> None:
    """Kept for an hour what is personal, for a month a cart, for a year guest and language."""
    cookies, ages = cookies_of(secure=secure, suffix="_x"), {}
    attributes = f"HttpOnly; SameSite=Lax{end}"
    for one in written(cookies):
        pattern = rf"{prefix}arloji_(\w+)_x=[\w.-]+; Path=/; Max-Age=(\d+); {attributes}"
        match = re.fullmatch(pattern, one)
        assert match, one
        ages[match[1]] = int(match[2]) // 3600
    assert ages == {
        **dict.fromkeys(("guest", "language"), 365 * 24),
        **dict.fromkeys(("cart", "checkout"), 30 * 24),
        **dict.fromkeys(("draft", "receipt"), 1),
    }
    shops = [cookies_of(suffix=text, secure=secure) for text in ("", "_12080", "_arloji")]
    assert len({name for shop in shops for name in names_of(written(shop))}) == 18
    response = Response()
    cookies.forget_guest(response)
    names = ("guest_x", "guest", "cart_x", "checkout_x", "draft_x", "receipt_x")
    assert sorted(response.headers.getlist("set-cookie")) == sorted(
        f"{prefix}arloji_{name}=; Path=/; Max-Age=0; {attributes}" for name in names
    )


def test_what_is_signed_is_its_guests_and_its_secrets() -> None:
    own = written(COOKIES)
    assert read_all(COOKIES, brought(*own)) == VALUES
    assert read_all(cookies_of(OLD, NEW), brought(*own)) == VALUES
    assert read_all(cookies_of(OLD), brought(*own)) == {}
    assert read_all(COOKIES, brought(*own), uuid4()) == {}
    # Another's, which was planted, does not hide one's own.
    planted = [getattr(COOKIES, name).header(value, uuid4()) for name, value in VALUES.items()]
    for headers in (brought(*planted, *own), brought(*own, *planted)):
        assert read_all(COOKIES, headers) == VALUES


@pytest.mark.parametrize("token", ["", ".", "1x1", "1x1.", "x.y", "é.é", "1x1." + "a" * 5000])
def test_what_is_not_signed_reads_as_nothing(token: str) -> None:
    assert read_all(COOKIES, brought(*(f"arloji_{name}={token}" for name in VALUES))) == {}


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_whatever_was_typed_survives_its_cookie(draft: dict[str, str]) -> None:
    assert COOKIES.draft.read(brought(COOKIES.draft.header(draft, ID)), ID) == draft


def test_the_largest_values_fit_and_larger_ones_leave_what_was_there() -> None:
    dice, numbers = random.Random(7), range(MAX_PRODUCT_ID - MAX_LINES + 1, MAX_PRODUCT_ID + 1)
    # Chinese characters without any pattern: three bytes each that hardly shrink.
    text = "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(3000))
    details = {"name": text[:100], "email": text[100:354], "address": text[354:854]}
    full = tuple(OrderLine(product_id=number, quantity=MAX_QUANTITY) for number in numbers)
    for name, value in (("cart", Cart(full)), ("draft", details)):
        pair = getattr(COOKIES, name).header(value, ID).partition(";")[0]
        assert len(pair) < 4096
        assert read_all(COOKIES, brought(pair)) == {name: value}
    response = Response()
    COOKIES.draft.set(response, {"address": text}, ID)
    assert "set-cookie" not in response.headers
    COOKIES.cart.set(response, Cart(), ID)
    assert "arloji_cart=; Path=/; Max-Age=0;" in response.headers["set-cookie"]


PURPOSES = {"cart": "cart", "checkout": "checkout"} | {
    f"arloji_{name}": name for name in ("draft", "receipt")
}


@pytest.mark.parametrize("purpose", ["guest", "form", *PURPOSES])
def test_what_is_signed_for_one_purpose_is_worth_nothing_for_another(purpose: str) -> None:
    guest = StrictSigner((NEW,), purpose).sign(str(ID)).decode()
    headers = brought(f"arloji_guest={guest}")
    for name, value in VALUES.items():
        text = getattr(COOKIES, name).header(value, ID).partition("=")[2].rpartition(".")[0]
        signed = GuestSigner((NEW,), purpose).sign(ID, text)
        headers = [*headers, *brought(f"arloji_{name}={signed}")]
    taken = set(read_all(COOKIES, headers))
    taken |= {"guest"} if COOKIES.guest.find_guest(headers).known else set()
    taken |= {"form"} if FormTokens((NEW,)).is_valid(guest.rpartition(".")[2], ID) else set()
    assert taken == {PURPOSES.get(purpose, purpose)}


def test_a_guest_in_use_keeps_all_that_is_signed_however_often_secrets_are_rotated() -> None:
    secrets = ["0" * 40]
    headers = brought(*written(cookies_of(*secrets)))
    for rotation in range(1, 4):
        secrets = [str(rotation) * 40, secrets[0]]
        cookies = cookies_of(*secrets)
        found = cookies.guest.find_guest(headers)
        assert (found.guest_id, found.renew) == (ID, True)
        headers = brought(*cookies.renew(headers, found))
    assert read_all(cookies, headers) == {name: VALUES[name] for name in ("cart", "checkout")}
    assert names_of(cookies.renew([], GUEST)) == {"arloji_guest"}, "and nothing new is made"


def test_a_replica_from_before_a_rotation_learns_what_a_later_one_signs_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "session"
    file.write_text(OLD)
    monkeypatch.setenv("SESSION_SECRET_FILE", str(file))
    earlier = create_app(Settings.model_validate({})).cookies
    headers = brought(*written(cookies_of(OLD)))
    file.write_text(f"{NEW}\n{OLD}")
    later = create_app(Settings.model_validate({})).cookies
    again = brought(*later.renew(headers, later.guest.find_guest(headers)))
    assert earlier.guest.find_guest(again) == GUEST
    assert earlier.cart.read(again, ID) == VALUES["cart"]
    # And a file that cannot be read for once shuts nobody out.
    file.unlink()
    later_on = time.monotonic() + 10
    monkeypatch.setattr("time.monotonic", lambda: later_on)
    assert not earlier.guest.find_guest(brought("arloji_guest=x")).known
    assert earlier.guest.find_guest(again).known


def test_forged_cookies_do_not_make_it_read_the_secrets_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    secrets = SessionSecrets((NEW,), lambda: reads.append(1) or (NEW,))
    cookies, forged = ShopCookies(secrets, CookieOptions()), brought("arloji_guest=x")
    # The last but one brings nothing that could be newer.
    for now, headers, expected in (*[(1000, forged, 1)] * 3, (1002, [], 1), (1002, forged, 2)):
        monkeypatch.setattr("time.monotonic", lambda now=now: now)
        assert not cookies.guest.find_guest(headers).known
        assert len(reads) == expected

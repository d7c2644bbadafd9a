"""All cookies of the shop: whose they are, what each is signed for, and how they end."""

import random
import re
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
from services.frontend.cookies.signed_cookie import SignedCookie
from services.frontend.csrf import FormTokens
from services.frontend.guest import Guest
from services.frontend.settings import Settings
from services.frontend.signing import GuestSigner, SessionSecrets, StrictSigner

OLD, NEW = "o" * 40, "n" * 40
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
ID = GUEST.guest_id
CART = Cart().add(5, 2)
VALUES: dict[str, Any] = {
    "cart": CART,
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


def forgotten(cookies: ShopCookies) -> list[str]:
    response = Response()
    cookies.forget_guest(response)
    return response.headers.getlist("set-cookie")


def brought(*set_cookies: str) -> Headers:
    """The header of a request after these were set."""
    return [(b"cookie", "; ".join(one.split(";")[0] for one in set_cookies).encode("latin-1"))]


def names_of(set_cookies: list[str]) -> set[str]:
    return {one.partition("=")[0] for one in set_cookies}


def longest_details(length: int) -> dict[str, str]:
    """Chinese characters without any pattern: three bytes each that hardly shrink."""
    dice = random.Random(7)
    return {"address": "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(length))}


@pytest.mark.parametrize("secure", [False, True])
def test_attributes_of_every_cookie(secure: bool) -> None:
    """Kept for an hour what is personal, for a month a cart, for a year guest and language."""
    cookies, ages = cookies_of(secure=secure, suffix="_x"), {}
    for one in written(cookies):
        match = re.fullmatch(
            rf"{'__Host-' if secure else ''}arloji_(\w+)_x=[\w.-]+; Path=/; Max-Age=(\d+); "
            rf"HttpOnly; SameSite=Lax{'; Secure' if secure else ''}",
            one,
        )
        assert match, one
        ages[match[1]] = int(match[2]) // 3600
    assert ages == {
        **dict.fromkeys(("guest", "language"), 365 * 24),
        **dict.fromkeys(("cart", "checkout"), 30 * 24),
        **dict.fromkeys(("draft", "receipt"), 1),
    }
    shops = [cookies_of(suffix=text, secure=secure) for text in ("", "_12080", "_arloji")]
    assert len({name for shop in shops for name in names_of(written(shop))}) == 18
    prefix = "__Host-" if secure else ""
    forget = forgotten(cookies)
    assert names_of(forget) == {
        f"{prefix}arloji_{name}"
        for name in ("guest_x", "guest", "cart_x", "checkout_x", "draft_x", "receipt_x")
    }
    end = "; HttpOnly; SameSite=Lax; Secure" if secure else "; HttpOnly; SameSite=Lax"
    assert {one.partition("=")[2] for one in forget} == {f"; Path=/; Max-Age=0{end}"}


@pytest.mark.parametrize("name", VALUES)
def test_a_signed_value_is_its_guests_and_its_secrets(name: str) -> None:
    value, headers = VALUES[name], brought(*written(COOKIES))
    assert getattr(COOKIES, name).read(headers, ID) == value
    assert getattr(COOKIES, name).read(headers, uuid4()) is None
    assert getattr(cookies_of(OLD), name).read(headers, ID) is None
    assert getattr(cookies_of(OLD, NEW), name).read(headers, ID) == value
    # Another's, which was planted, does not hide one's own.
    cookie: SignedCookie[Any] = getattr(COOKIES, name)
    planted, own = cookie.header(value, uuid4()), cookie.header(value, ID)
    for pair in ((planted, own), (own, planted)):
        assert cookie.read(brought(*pair), ID) == value


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(VALUES)))
    cookie: SignedCookie[Any] = getattr(COOKIES, name)
    pair, _, _ = cookie.header(VALUES[name], ID).partition(";")
    position = data.draw(st.integers(pair.index("=") + 1, len(pair) - 1))
    other = data.draw(
        st.characters(max_codepoint=255).filter(lambda c: c not in (pair[position], ";"))
    )
    forged = (pair[:position] + other + pair[position + 1 :]).encode("latin-1")
    assert cookie.read([(b"cookie", forged)], ID) is None


@pytest.mark.parametrize("token", ["", ".", "1x1", "1x1.", "x.y", "é.é", "1x1." + "a" * 5000])
def test_what_is_not_signed_reads_as_nothing(token: str) -> None:
    headers = brought(*(f"arloji_{name}={token}" for name in VALUES))
    assert [getattr(COOKIES, name).read(headers, ID) for name in VALUES] == [None] * 4


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_whatever_was_typed_survives_its_cookie(draft: dict[str, str]) -> None:
    assert COOKIES.draft.read(brought(COOKIES.draft.header(draft, ID)), ID) == draft


def test_the_largest_values_fit_and_larger_ones_leave_what_was_there() -> None:
    full = Cart(
        tuple(
            OrderLine(product_id=MAX_PRODUCT_ID - number, quantity=MAX_QUANTITY)
            for number in range(MAX_LINES)
        )
    )
    details = {**longest_details(500), "name": "界" * 100, "email": "界" * 254}
    for name, value in (("cart", full), ("draft", details)):
        cookie: SignedCookie[Any] = getattr(COOKIES, name)
        pair = cookie.header(value, ID).partition(";")[0]
        assert len(pair) < 4096
        assert cookie.read(brought(pair), ID) == value
    response = Response()
    COOKIES.draft.set(response, longest_details(3000), ID)
    assert "set-cookie" not in response.headers
    COOKIES.cart.set(response, Cart(), ID)
    assert "arloji_cart=; Path=/; Max-Age=0;" in response.headers["set-cookie"]


@pytest.mark.parametrize("purpose", ["guest", "cart", "checkout", "form", "arloji_draft"])
def test_what_is_signed_for_one_purpose_is_worth_nothing_for_another(purpose: str) -> None:
    plain, bound = StrictSigner((NEW,), purpose), GuestSigner((NEW,), purpose)
    guest = plain.sign(str(ID)).decode()
    draft = COOKIES.draft.header(VALUES["draft"], ID).partition("=")[2].partition(".")[0]
    headers = brought(
        f"arloji_guest={guest}",
        f"arloji_cart={bound.sign(ID, '5x2')}",
        f"arloji_checkout={bound.sign(ID, str(VALUES['checkout']))}",
        f"arloji_draft={bound.sign(ID, draft)}",
        f"arloji_receipt={bound.sign(ID, draft)}",
    )
    taken = {
        "guest": COOKIES.guest.find_guest(headers).known,
        "form": FormTokens((NEW,)).is_valid(guest.rpartition(".")[2], ID),
        "cart": COOKIES.cart.read(headers, ID) == CART,
        "checkout": COOKIES.checkout.read(headers, ID) == VALUES["checkout"],
        "arloji_draft": COOKIES.draft.read(headers, ID) == VALUES["draft"],
        "arloji_receipt": COOKIES.receipt.read(headers, ID) is not None,
    }
    assert {name for name, is_taken in taken.items() if is_taken} == {purpose}


def test_a_guest_in_use_keeps_all_that_is_signed_however_often_secrets_are_rotated() -> None:
    secrets = ["0" * 40]
    headers = brought(*written(cookies_of(*secrets)))
    for rotation in range(1, 4):
        secrets = [str(rotation) * 40, secrets[0]]
        cookies = cookies_of(*secrets)
        found = cookies.guest.find_guest(headers)
        assert found.renew
        headers = brought(*cookies.renew(headers, found))
    assert found.guest_id == ID
    assert cookies.cart.read(headers, ID) == CART
    assert cookies.checkout.read(headers, ID) == VALUES["checkout"]
    assert names_of(cookies.renew([], GUEST)) == {"arloji_guest"}, "and nothing new is made"


def test_a_replica_from_before_a_rotation_learns_what_a_later_one_signs_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "session"
    file.write_text(OLD)
    monkeypatch.setenv("SESSION_SECRET_FILE", str(file))
    earlier = create_app(Settings()).cookies
    headers = brought(*written(cookies_of(OLD)))
    file.write_text(f"{NEW}\n{OLD}")
    later = create_app(Settings()).cookies
    again = brought(*later.renew(headers, later.guest.find_guest(headers)))
    assert earlier.guest.find_guest(again) == GUEST
    assert earlier.cart.read(again, ID) == CART
    # And a file that cannot be read for once shuts nobody out.
    file.unlink()
    assert not earlier.guest.find_guest(brought("arloji_guest=x")).known
    assert earlier.guest.find_guest(again).known


def test_forged_cookies_do_not_make_it_read_the_secrets_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    secrets = SessionSecrets((NEW,), lambda: reads.append(1) or (NEW,))
    cookies = ShopCookies(secrets, CookieOptions())
    for now, cookie, expected in (
        *[(1000.0, "x", 1)] * 3,
        (1001.5, None, 1),  # nothing came that could be newer
        (1001.5, "x", 2),
    ):
        monkeypatch.setattr("time.monotonic", lambda now=now: now)
        headers = brought(f"arloji_guest={cookie}") if cookie else []
        assert not cookies.guest.find_guest(headers).known
        assert len(reads) == expected

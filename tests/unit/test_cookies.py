"""All cookies of the shop: whose they are, what each is signed for, and how they end."""

import re
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from services.frontend.app import create_app
from services.frontend.cart import Cart
from services.frontend.cookie import CookieStyle
from services.frontend.cookies import ShopCookies
from services.frontend.csrf import FormTokens
from services.frontend.guest import Guest
from services.frontend.language import Language
from services.frontend.settings import Settings
from services.frontend.signing import GuestSigner, SessionSecrets, StrictSigner

SECRETS = ("n" * 40,)
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
CART = Cart().add(5, 2)
CHECKOUT = uuid4()
PURPOSES = {"guest", "cart", "checkout", "form"}


def written(cookies: ShopCookies) -> list[str]:
    """Every cookie that there is, as `Set-Cookie` has it."""
    guest_id = GUEST.guest_id
    return [
        cookies.guest.write(GUEST),
        cookies.cart.write(CART, guest_id),
        cookies.checkout.write(CHECKOUT, guest_id),
        cookies.language.write(Language.ENGLISH),
    ]


def header_of(*set_cookies: str) -> list[tuple[bytes, bytes]]:
    return [(b"cookie", "; ".join(one.split(";")[0] for one in set_cookies).encode())]


def names_of(set_cookies: list[str]) -> set[str]:
    return {one.partition("=")[0] for one in set_cookies}


def test_each_cookie_has_the_prefix_and_is_secure_behind_tls() -> None:
    for secure in (False, True):
        cookies = ShopCookies(SECRETS, CookieStyle(secure=secure, suffix="_x"))
        for one in (*written(cookies), *cookies.forget()):
            name, _, rest = one.partition("=")
            assert name.startswith("__Host-arloji_" if secure else "arloji_")
            assert rest.endswith("; HttpOnly; SameSite=Lax; Secure" if secure else "SameSite=Lax")
            assert "; Path=/; Max-Age=" in rest
            assert "domain" not in rest.lower()


def test_what_is_personal_is_kept_for_an_hour_and_a_cart_for_a_month() -> None:
    cookies, hour = ShopCookies(SECRETS, CookieStyle()), 3600
    notes = [note.write({}, GUEST.guest_id) or "" for note in (cookies.draft, cookies.receipt)]
    found = (re.match(r"arloji_(\w+)=.*; Max-Age=(\d+);", one) for one in written(cookies) + notes)
    assert {match[1]: int(match[2]) / hour for match in found if match} == {
        **dict.fromkeys(("guest", "language"), 365 * 24),
        **dict.fromkeys(("cart", "checkout"), 30 * 24),
        **dict.fromkeys(("draft", "receipt"), 1),
    }


def test_shops_with_other_suffixes_share_no_name() -> None:
    shops = [ShopCookies(SECRETS, CookieStyle(suffix=text)) for text in ("", "_12080", "_arloji")]
    names = [name for shop in shops for name in names_of(written(shop))]
    assert len(set(names)) == len(names) == 12


@pytest.mark.parametrize("purpose", sorted(PURPOSES))
def test_what_is_signed_for_one_purpose_is_worth_nothing_for_another(purpose: str) -> None:
    cookies, guest_id = ShopCookies(SECRETS, CookieStyle()), GUEST.guest_id
    plain, bound = StrictSigner(SECRETS, purpose), GuestSigner(SECRETS, purpose)
    guest = plain.sign(str(guest_id)).decode()
    headers = header_of(
        f"arloji_guest={guest}",
        f"arloji_cart={bound.sign(guest_id, '5x2')}",
        f"arloji_checkout={bound.sign(guest_id, str(CHECKOUT))}",
    )
    taken = {
        "guest": cookies.guest.find_guest(headers).known,
        "cart": cookies.cart.read(headers, guest_id) == CART,
        "checkout": cookies.checkout.read(headers, guest_id) == CHECKOUT,
        "form": FormTokens(SECRETS).is_valid(guest.rpartition(".")[2], guest_id),
    }
    assert {name for name, is_taken in taken.items() if is_taken} == {purpose}


def test_a_guest_in_use_keeps_all_that_is_signed_however_often_secrets_are_rotated() -> None:
    secrets = ["0" * 40]
    headers = header_of(*written(ShopCookies(secrets, CookieStyle())))
    for rotation in range(1, 4):
        secrets = [str(rotation) * 40, secrets[0]]
        cookies = ShopCookies(secrets, CookieStyle())
        found = cookies.guest.find_guest(headers)
        assert found.renew
        headers = header_of(*cookies.renew(headers, found))
    assert found.guest_id == GUEST.guest_id
    assert cookies.cart.read(headers, GUEST.guest_id) == CART
    assert cookies.checkout.read(headers, GUEST.guest_id) == CHECKOUT


def test_a_replica_from_before_a_rotation_learns_what_a_later_one_signs_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, old, new = tmp_path / "session", "o" * 40, "n" * 40
    file.write_text(old)
    monkeypatch.setenv("SESSION_SECRET_FILE", str(file))
    earlier = create_app(Settings())
    headers = header_of(*written(ShopCookies((old,), CookieStyle())))
    file.write_text(f"{new}\n{old}")
    later = create_app(Settings())
    again = header_of(*later.cookies.renew(headers, later.cookies.guest.find_guest(headers)))
    found = earlier.cookies.guest.find_guest(again)
    assert (found.guest_id, found.known, found.renew) == (GUEST.guest_id, True, False)
    assert earlier.cookies.cart.read(again, GUEST.guest_id) == CART
    # And a file that cannot be read for once shuts nobody out.
    file.unlink()
    assert not earlier.cookies.guest.find_guest(header_of("arloji_guest=x")).known
    assert earlier.cookies.guest.find_guest(again).known


def test_forged_cookies_do_not_make_it_read_the_secrets_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    secrets = SessionSecrets(SECRETS, lambda: reads.append(1) or SECRETS)
    cookies = ShopCookies(secrets, CookieStyle())
    for _ in range(100):
        assert not cookies.guest.find_guest(header_of("arloji_guest=x")).known
    assert len(reads) == 1
    cookies.guest.find_guest([])
    monkeypatch.setattr("time.monotonic", lambda: 1001.5)
    cookies.guest.find_guest([])
    assert len(reads) == 1, "nothing came that could be newer"
    cookies.guest.find_guest(header_of("arloji_guest=x"))
    assert len(reads) == 2


def test_renewing_makes_nothing_that_was_not_there() -> None:
    cookies = ShopCookies(SECRETS, CookieStyle())
    assert names_of(cookies.renew([], GUEST)) == {"arloji_guest"}


def test_forgetting_removes_who_somebody_is_under_every_name() -> None:
    removed = ShopCookies(SECRETS, CookieStyle(suffix="_x")).forget()
    assert names_of(removed) == {
        *("arloji_guest_x", "arloji_guest", "arloji_cart_x", "arloji_checkout_x"),
        *("arloji_draft_x", "arloji_receipt_x"),
    }
    assert all("=; Path=/; Max-Age=0; " in one for one in removed)

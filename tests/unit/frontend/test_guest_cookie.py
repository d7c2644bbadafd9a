"""The guest's cookie: signed, renewed while it is used, and never mistaken for somebody else's."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.cookies.cookie import CookieOptions
from services.frontend.cookies.guest_cookie import RENEW_AFTER_SECONDS, GuestCookie
from services.frontend.guest import Guest
from services.frontend.signing import StrictSigner

OLD, NEW = "o" * 40, "n" * 40
YEAR = timedelta(days=365)
YEAR_SECONDS = int(YEAR.total_seconds())
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=True)
OTHER = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c12"), known=True)
RENEWED = Guest(GUEST.guest_id, known=True, renew=True)


def cookie_of(*secrets: str, suffix: str = "", secure: bool = False) -> GuestCookie:
    options = CookieOptions(suffix=suffix, secure=secure)
    return GuestCookie(secrets or (NEW,), options, max_age=YEAR)


def pair_of(cookie: GuestCookie, guest: Guest = GUEST) -> bytes:
    return cookie.header(guest).split(";")[0].encode()


def find(cookie: GuestCookie, *values: bytes) -> Guest:
    return cookie.find_guest([(b"cookie", value) for value in values])


COOKIE = cookie_of()
OWN, OTHERS = pair_of(COOKIE), pair_of(COOKIE, OTHER)
# As it was written before times were part of it, and before names had a suffix.
OLDER_FORM, OTHERS_OLDER_FORM = (
    b"arloji_guest=" + StrictSigner((NEW,), "guest").sign(str(guest.guest_id))
    for guest in (GUEST, OTHER)
)


def test_the_cookie_brings_the_guest_back_among_whatever() -> None:
    planted = b"arloji_guest=planted"
    for values in ([OWN], [b"a=b; " + OWN + b"; c=d"], [b"a=b", OWN], [OWN, OWN]):
        assert find(COOKIE, *values) == GUEST
    for values in ([planted, OWN], [OWN, planted], [planted + b"; " + OWN]):
        assert find(COOKIE, *values) == GUEST


def test_who_brings_none_or_two_is_a_new_guest_each_time() -> None:
    two = ([OWN, OTHERS], [OTHERS, OWN], [OTHERS + b"; " + OWN], [OTHERS, OLDER_FORM])
    found = [find(COOKIE, *values) for values in ([], [], *two)]
    assert not any(one.known for one in found)
    assert len({one.guest_id for one in (*found, GUEST, OTHER)}) == 8


@given(st.binary(max_size=200))
def test_no_other_bytes_are_a_guest(value: bytes) -> None:
    assert not find(COOKIE, b"arloji_guest=" + value).known


@given(st.integers(OWN.index(b"=") + 1, len(OWN) - 1), st.characters(codec="ascii"))
def test_no_changed_character_goes_unnoticed(position: int, other: str) -> None:
    forged = OWN[:position] + other.encode() + OWN[position + 1 :]
    assert find(COOKIE, forged).known == (forged == OWN)


def test_a_signature_has_one_spelling() -> None:
    # Two bits of the last character mean nothing: they are zero as we write it.
    assert not find(COOKIE, OWN[:-1] + bytes([OWN[-1] + 1])).known
    body, _, signature = OWN.rpartition(b".")
    for plain, other in ((b"-", b"+"), (b"_", b"/")):
        respelled = signature.replace(plain, other)
        assert find(COOKIE, body + b"." + respelled).known == (respelled == signature)


def test_two_secrets_are_accepted_and_the_older_one_is_replaced() -> None:
    before, rotated = cookie_of(OLD), cookie_of(NEW, OLD)
    assert find(rotated, pair_of(before)) == RENEWED
    assert find(rotated, pair_of(rotated)) == GUEST
    assert find(COOKIE, pair_of(rotated)).known, "once the older secret is gone"
    assert not find(COOKIE, pair_of(before)).known


@pytest.mark.parametrize(
    ("age_seconds", "known", "renew"),
    [
        (-5, True, False),  # written by a replica whose clock is ahead
        *((RENEW_AFTER_SECONDS - 5, True, False), (RENEW_AFTER_SECONDS + 5, True, True)),
        *((YEAR_SECONDS - 5, True, True), (YEAR_SECONDS + 5, False, False)),
    ],
)
def test_a_guest_is_renewed_once_a_day_and_ends_a_year_after_the_last_visit(
    monkeypatch: pytest.MonkeyPatch, age_seconds: int, known: bool, renew: bool
) -> None:
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    token = pair_of(COOKIE)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0 + age_seconds)
    found = find(COOKIE, token)
    assert (found.known, found.renew) == (known, renew)
    assert (found.guest_id == GUEST.guest_id) is known


def test_what_was_written_before_is_kept_and_written_anew() -> None:
    with_suffix = cookie_of(suffix="_other")
    for cookie in (COOKIE, with_suffix):
        assert find(cookie, OLDER_FORM) == RENEWED
    assert find(with_suffix, OTHERS_OLDER_FORM, pair_of(with_suffix)) == GUEST, "today's first"


def test_the_cookie_of_another_shop_or_without_tls_is_left_alone() -> None:
    ours, theirs, secure = cookie_of(suffix="_12080"), cookie_of(OLD), cookie_of(secure=True)
    for cookie in (ours, theirs):
        assert find(cookie, pair_of(theirs), pair_of(ours)) == GUEST
    assert not find(secure, OWN).known
    assert find(secure, pair_of(secure)) == GUEST

"""The guest's cookie: signed, renewed while it is used, and never mistaken for somebody else's."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.cookie import CookieStyle
from services.frontend.guest import (
    MAX_AGE_SECONDS,
    RENEW_AFTER_SECONDS,
    Guest,
    GuestCookie,
)
from services.frontend.signing import StrictSigner

OLD, NEW = "o" * 40, "n" * 40
PLAIN, SECURE = CookieStyle(), CookieStyle(secure=True)
COOKIE = GuestCookie((NEW,), PLAIN)
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=False)
OTHER = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c12"), known=False)
# As it was written before times were part of it.
OLDER_FORM = b"arloji_guest=" + StrictSigner((NEW,), "guest").sign(str(GUEST.guest_id))


def pair_of(cookie: GuestCookie, guest: Guest = GUEST) -> bytes:
    return cookie.write(guest).split(";")[0].encode()


def find(cookie: GuestCookie, *values: bytes) -> Guest:
    return cookie.find_guest([(b"cookie", value) for value in values])


def test_the_cookie_brings_the_guest_back() -> None:
    assert find(COOKIE, pair_of(COOKIE)) == Guest(GUEST.guest_id, known=True)


def test_it_is_found_among_others_and_in_a_second_header() -> None:
    assert find(COOKIE, b"a=b; " + pair_of(COOKIE) + b"; c=d").known
    assert find(COOKIE, b"a=b", pair_of(COOKIE)).known


def test_everyone_else_is_a_new_guest_each_time() -> None:
    first, second = find(COOKIE), find(COOKIE)
    assert not first.known
    assert first.guest_id != second.guest_id


def test_what_is_not_valid_does_not_hide_what_is() -> None:
    planted = b"arloji_guest=planted; "
    assert find(COOKIE, planted + pair_of(COOKIE)).guest_id == GUEST.guest_id
    assert find(COOKIE, pair_of(COOKIE) + b"; " + planted).guest_id == GUEST.guest_id


def test_two_valid_guests_are_none_and_the_same_one_twice_is_one() -> None:
    both = [pair_of(COOKIE), pair_of(COOKIE, OTHER)]
    for values in (both, both[::-1], [b"; ".join(both)], [both[1], OLDER_FORM]):
        found = find(COOKIE, *values)
        assert not found.known
        assert found.guest_id not in (GUEST.guest_id, OTHER.guest_id)
    assert find(COOKIE, pair_of(COOKIE), OLDER_FORM).guest_id == GUEST.guest_id


@given(st.binary(max_size=200))
def test_no_other_bytes_are_a_guest(value: bytes) -> None:
    assert not find(COOKIE, b"arloji_guest=" + value).known


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = pair_of(COOKIE).partition(b"=")[2].decode()
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[position]))
    forged = token[:position] + other + token[position + 1 :]
    assert not find(COOKIE, f"arloji_guest={forged}".encode()).known


def test_a_signature_has_one_spelling() -> None:
    token = pair_of(COOKIE).partition(b"=")[2]
    # Two bits of the last character mean nothing: they are zero as we write it.
    assert not find(COOKIE, b"arloji_guest=" + token[:-1] + bytes([token[-1] + 1])).known
    body, _, signature = token.rpartition(b".")
    for plain, other in ((b"-", b"+"), (b"_", b"/")):
        respelled = signature.replace(plain, other)
        same = respelled == signature
        assert find(COOKIE, b"arloji_guest=" + body + b"." + respelled).known == same


def test_two_secrets_are_accepted_and_the_older_one_is_replaced() -> None:
    before, rotated = GuestCookie((OLD,), PLAIN), GuestCookie((NEW, OLD), PLAIN)
    found = find(rotated, pair_of(before))
    assert found == Guest(GUEST.guest_id, known=True, renew=True)
    again = pair_of(rotated, found)
    assert find(rotated, again) == Guest(GUEST.guest_id, known=True)
    assert find(COOKIE, again).known, "once the older secret is gone"
    assert not find(COOKIE, pair_of(before)).known


@pytest.mark.parametrize(
    ("age_seconds", "known", "renew"),
    [
        (-5, True, False),  # written by a replica whose clock is ahead
        (RENEW_AFTER_SECONDS - 5, True, False),
        (RENEW_AFTER_SECONDS + 5, True, True),
        (MAX_AGE_SECONDS - 5, True, True),
        (MAX_AGE_SECONDS + 5, False, False),
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


@pytest.mark.parametrize("style", [PLAIN, CookieStyle(suffix="_other")], ids=repr)
def test_what_was_written_before_is_kept_and_written_anew(style: CookieStyle) -> None:
    cookie = GuestCookie((NEW,), style)
    assert find(cookie, OLDER_FORM) == Guest(GUEST.guest_id, known=True, renew=True)


def test_the_cookie_of_today_counts_before_that_of_an_older_name() -> None:
    cookie = GuestCookie((NEW,), CookieStyle(suffix="_other"))
    older = b"arloji_guest=" + StrictSigner((NEW,), "guest").sign(str(OTHER.guest_id))
    assert find(cookie, older, pair_of(cookie)) == Guest(GUEST.guest_id, known=True)


def test_the_cookie_of_another_shop_at_this_address_is_left_alone() -> None:
    ours = GuestCookie((NEW,), CookieStyle(suffix="_12080"))
    theirs = GuestCookie((OLD,), PLAIN)
    assert find(ours, pair_of(theirs), pair_of(ours)).guest_id == GUEST.guest_id
    assert find(theirs, pair_of(ours), pair_of(theirs)).guest_id == GUEST.guest_id
    assert ours.name != theirs.name


@pytest.mark.parametrize(
    ("style", "name", "end"),
    [
        (PLAIN, "arloji_guest=", "; HttpOnly; SameSite=Lax"),
        (SECURE, "__Host-arloji_guest=", "; HttpOnly; SameSite=Lax; Secure"),
    ],
)
def test_attributes_follow_the_setting(style: CookieStyle, name: str, end: str) -> None:
    cookie = GuestCookie((NEW,), style)
    value = cookie.write(GUEST)
    assert value.startswith(name)
    assert value.endswith(end)
    assert "; Path=/; Max-Age=31536000;" in value
    assert find(cookie, pair_of(cookie)).known


def test_with_tls_the_plain_cookie_is_not_taken() -> None:
    assert not find(GuestCookie((NEW,), SECURE), pair_of(COOKIE)).known

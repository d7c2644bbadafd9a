"""The guest's cookie: signed, rotated, and never mistaken for somebody else's."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.guest import Guest, GuestCookie, create_signer

OLD, NEW = "o" * 40, "n" * 40
COOKIE = GuestCookie((NEW,), secure=False)
GUEST = Guest(UUID("6f1c0c7e-8a43-4f43-9d3b-2f4f2f1b0c11"), known=False)


def pair_of(cookie: GuestCookie, guest: Guest = GUEST) -> bytes:
    return cookie.set_cookie(guest).split(b";")[0]


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


def test_the_first_valid_cookie_wins_over_planted_ones() -> None:
    assert find(COOKIE, b"arloji_guest=planted; " + pair_of(COOKIE)).guest_id == GUEST.guest_id


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


def test_signatures_of_another_purpose_are_worth_nothing() -> None:
    token = create_signer((NEW,), "cart").sign(str(uuid4()))
    assert not find(COOKIE, b"arloji_guest=" + token).known


def test_two_secrets_are_accepted_while_they_are_rotated() -> None:
    before, rotated = GuestCookie((OLD,), secure=False), GuestCookie((NEW, OLD), secure=False)
    assert find(rotated, pair_of(before)).guest_id == GUEST.guest_id
    assert pair_of(rotated) == pair_of(COOKIE)
    assert not find(COOKIE, pair_of(before)).known


@pytest.mark.parametrize(
    ("secure", "name", "end"),
    [
        (False, b"arloji_guest=", b"; HttpOnly; SameSite=Lax"),
        (True, b"__Host-arloji_guest=", b"; HttpOnly; SameSite=Lax; Secure"),
    ],
)
def test_attributes_follow_the_setting(secure: bool, name: bytes, end: bytes) -> None:
    cookie = GuestCookie((NEW,), secure=secure)
    value = cookie.set_cookie(GUEST)
    assert value.startswith(name)
    assert value.endswith(end)
    assert b"; Path=/; Max-Age=31536000;" in value
    assert find(cookie, pair_of(cookie)).known


def test_with_tls_the_plain_cookie_is_not_taken() -> None:
    assert not find(GuestCookie((NEW,), secure=True), pair_of(COOKIE)).known

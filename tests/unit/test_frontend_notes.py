"""What a browser keeps of its guest: for that guest alone, and never longer than it may be."""

import random
from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.cookie import CookieStyle
from services.frontend.notes import DRAFT, RECEIPT, NoteCookie

OLD, NEW = "o" * 40, "n" * 40
GUEST = uuid4()


def note_cookie(name: str = DRAFT, *secrets: str) -> NoteCookie:
    return NoteCookie(name, secrets or (NEW,), CookieStyle())


def seal(note: Mapping[str, str]) -> str:
    """The value of the cookie, without its attributes."""
    cookie = note_cookie().write(note, GUEST)
    assert cookie is not None
    return cookie.partition(";")[0].removeprefix(f"{DRAFT}=")


def read(token: str, cookie: NoteCookie | None = None, guest_id: UUID = GUEST) -> object:
    line = f"{DRAFT}={token}; {RECEIPT}={token}".encode("latin-1")
    return (cookie or note_cookie()).read([(b"cookie", line)], guest_id)


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_note_survives_its_cookie(note: dict[str, str]) -> None:
    assert read(seal(note)) == note


def test_a_note_is_another_guests_another_purposes_or_another_secrets() -> None:
    token = seal({"name": "Sari"})
    assert read(token, guest_id=uuid4()) == {}
    assert read(token, note_cookie(RECEIPT)) == {}
    assert read(token, note_cookie(DRAFT, OLD)) == {}
    assert read(token, note_cookie(DRAFT, OLD, NEW)) == {"name": "Sari"}


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    token = seal({"address": "Jl. Merdeka 1"})
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.characters(max_codepoint=255).filter(lambda c: c not in (token[position], ";"))
    )
    assert read(token[:position] + other + token[position + 1 :]) == {}


@pytest.mark.parametrize("token", ["", ".", "x", "x.y", "é.é", "x" * 5000])
def test_what_is_no_note_reads_as_none(token: str) -> None:
    assert read(token) == {}


def test_the_longest_details_that_can_be_ordered_with_are_kept() -> None:
    # Chinese characters without any pattern: three bytes each that hardly shrink.
    dice = random.Random(7)
    lengths = {"name": 100, "email": 254, "address": 500}
    note = {
        name: "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(length))
        for name, length in lengths.items()
    }
    assert len(f"{DRAFT}={seal(note)}") < 4096
    assert read(seal(note)) == note


def test_a_note_that_no_browser_would_keep_is_not_written() -> None:
    long = "".join(chr(random.Random(7 + n).randrange(0x4E00, 0x9FFF)) for n in range(3000))
    assert note_cookie().write({"address": long}, GUEST) is None

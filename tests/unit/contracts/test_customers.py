"""What people type: invisible characters go, what a script needs stays, a name shows something."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.customers import Customer, Recipient
from contracts.orders import OrderMessage, OrderRequest
from contracts.text import remove_invisible
from database.tables import orders
from database.words import words_of
from tests.order_messages import make_order

PERSON = {"name": "Sari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}

NEEDED = {
    "Persian, not joined": "می\u200cزیم",
    "Hindi, half form": "क्\u200dष",
    "Malayalam, at the end": "മോഹന\u0d4d\u200d",
    "Japanese, a variant": "葛\U000e0100城",
    "Mongolian, a variant": "ᠮᠣᠩᠭᠣᠯ\u180b",
    "Arabic": "محمد بن سلمان",
    "Thai": "สมชาย ใจดี",
    "Vietnamese, decomposed": "Nguye\u0302\u0303n",
    "a family": "👨\u200d👩\u200d👧\u200d👦",
    "a skin tone": "👩🏽\u200d⚕\ufe0f",
    "a heart on fire": "❤\ufe0f\u200d🔥",
    "a keycap": "1\ufe0f\u20e3",
    "England's flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "one letter": "O",
}
INVISIBLE = (
    *"\u200b\u00ad\ufeff\u2060\u034f\u061c\u200e\u200f\u202a\u202c\u202e\u2066\u2069\u206a\u200c\u200d",
    *"\ufe0f\ufe00\u115f\u1160\u3164\uffa0\u17b4\u180e\ufff9\U0001d173\U000e0001\U000e0041\U000e007f",
    "\U000e0100",
)
NOTHING = (*INVISIBLE, " ", "\u00a0", "\u3000", "\u2800", "\u0301", "\u0300\u0301", "\U0001d159")
CONTROLS = ("a\0", "a\x7f", "a\x80", "a\x85b", "a\x9b", "a\x9f")
WITHOUT_MEANING = (*CONTROLS, "a\ue000", "a\U000f0000", "a\ufffe", "a\ufdd0", "\ud800")
LINE_ENDS = ("\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\r")
REFUSED = (
    *product(("name", "address"), NOTHING),
    *((field, text + PERSON[field]) for field, text in product(PERSON, WITHOUT_MEANING)),
    *(("name", f"a{end}b") for end in LINE_ENDS),
    *(("email", f"a{end}b@example.com") for end in LINE_ENDS),
    *(("email", text) for text in ("\u0301@example.com", "a@\u3164.com", "a@b.\u2800")),
)


@pytest.mark.parametrize("name", NEEDED.values(), ids=NEEDED)
def test_what_a_script_or_an_emoji_needs_stays(name: str) -> None:
    customer = Customer(**PERSON | {"name": name, "address": name})
    assert (customer.name, customer.address) == (name, name)


@pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
def test_what_nobody_sees_is_removed_before_the_fingerprint_and_from_a_search(
    character: str,
) -> None:
    hidden = {name: text[:2] + character + text[2:] + character for name, text in PERSON.items()}
    items = [{"product_id": 1, "quantity": 1}]
    seen, typed = (
        OrderRequest.model_validate({"items": items, "customer": customer})
        for customer in (PERSON, hidden)
    )
    assert typed == seen
    assert typed.fingerprint() == seen.fingerprint()
    assert words_of(f"{character}sam{character}udra{character}") == ["samudra"]
    assert words_of(character) == []


@pytest.mark.parametrize(("field", "text"), REFUSED, ids=ascii)
def test_what_shows_nothing_means_nothing_or_breaks_a_line_is_refused(
    field: str, text: str
) -> None:
    with pytest.raises(ValidationError):
        Customer(**PERSON | {field: text})


@pytest.mark.parametrize("field", PERSON)
def test_what_is_accepted_is_as_long_as_its_column_and_no_longer(field: str) -> None:
    longest = {"name": "a" * 100, "email": "a" * 242 + "@example.com", "address": "a" * 500}[field]
    column: Any = orders.c[f"customer_{field}"].type
    assert len(longest) == column.length
    for kind in (Customer, Recipient):
        assert getattr(kind(**PERSON | {field: longest}), field) == longest
        with pytest.raises(ValidationError):
            kind(**PERSON | {field: f"a{longest}"})


def test_an_addresss_lines_and_spaces_are_the_usual_ones() -> None:
    customer = Customer(**PERSON | {"name": "Sari\u00a0W.", "address": "Jl.\u202f1\u2028Bandung"})
    assert (customer.name, customer.address) == ("Sari W.", "Jl. 1\nBandung")


def test_what_was_accepted_before_the_rules_is_still_an_order() -> None:
    message = make_order({1: 1}).model_dump(mode="json")
    message["customer"] = PERSON | {"name": "\ue000", "address": "\u200b"}
    assert OrderMessage.model_validate(message).customer == Recipient(**message["customer"])


@given(st.text(st.characters(categories=("L", "M", "Cf", "So", "Cn"))))
def test_removing_a_second_time_changes_nothing(text: str) -> None:
    once = remove_invisible(text)
    assert remove_invisible(once) == once


def test_joiners_tell_no_words_apart() -> None:
    assert words_of("می\u200cزیم") == words_of("میزیم")

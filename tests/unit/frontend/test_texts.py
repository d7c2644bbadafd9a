"""Two languages that say the same: every key in both, every key that is used, no odd ones."""

import re
import string
from pathlib import Path

import pytest

from contracts.orders import OrderReason, OrderStatus
from database.catalogue import create_catalogue
from services.frontend import texts
from services.frontend.language import Language
from services.frontend.texts import read_texts

CATALOGUE = create_catalogue()

FOLDER = Path(texts.__file__).parents[1]
TEXTS = read_texts()
INDONESIAN, ENGLISH = TEXTS[Language.INDONESIAN], TEXTS[Language.ENGLISH]
SOURCES = [*FOLDER.glob("templates/*.html"), *FOLDER.rglob("*.py")]

STATUSES = (400, 401, 403, 404, 405, 413, 415, 422, 429, 431, 500, 502, 503, 504)
# Keys that are put together from a code: the start of the key, and every code there is.
CODES: dict[str, set[str]] = {
    "language.": set(Language),
    "order_status.": set(OrderStatus) | {"held"},
    "order_text.": set(OrderStatus) | set(OrderReason),
    "movement.": {item.movement for item in CATALOGUE},
    "case_material.": {item.case_material for item in CATALOGUE},
    "strap.": {item.strap for item in CATALOGUE},
    "error_title.": {str(status) for status in STATUSES},
    "checkout.": {"name", "email", "address"},
    "submit_problem.": {"unavailable", "unclear", "busy", "key_reuse", "refused", "guest", "token"},
    "field_error.": {
        f"{field}_{kind}"
        for field in ("name", "email", "address")
        for kind in ("required", "too_long", "characters")
    },
    "filter_error.": {"q_too_long", "q_refused", "price", "price_order", "brand", "sort", "page"},
    "order_trouble.": {"gone", "sold_out", "too_few", "price_changed"},
    "cart.": {"error_quantity", "error_full", "error_unreadable"},
}
CODES["error_text."] = CODES["error_title."]


def used_keys() -> set[str]:
    keys = {f"{start}{code}" for start, codes in CODES.items() for code in codes}
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        # `text("a" if … else "b")` names two.
        for call in re.findall(r"\btext\(([^()]*)", source):
            keys |= set(re.findall(r"\"([a-z_]+\.[a-z_0-9]+)\"(?!\s*~)", call))
        for counted in re.findall(r"\btext\.count\(\"([a-z_.]+)\"", source):
            keys |= {f"{counted}.one", f"{counted}.other"}
        keys |= set(re.findall(r"\"(sort\.[a-z_]+)\"", source))
    return keys


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert set(INDONESIAN.texts) ^ set(ENGLISH.texts) == set()


@pytest.mark.parametrize("key", sorted(INDONESIAN.texts))
def test_both_languages_are_filled_in_alike_and_say_something(key: str) -> None:
    assert placeholders(INDONESIAN.texts[key]) == placeholders(ENGLISH.texts[key])
    assert INDONESIAN.texts[key].strip()
    assert ENGLISH.texts[key].strip()


def test_keys_are_those_that_are_used() -> None:
    assert used_keys() ^ set(INDONESIAN.texts) == set()


def test_every_start_of_a_key_in_a_template_is_listed_here() -> None:
    starts = {
        start
        for path in SOURCES
        for start in re.findall(r"\"([a-z_]+\.)\"\s*~", path.read_text(encoding="utf-8"))
    }
    assert starts - set(CODES) == set()


def test_templates_hold_no_words_of_their_own() -> None:
    for path in FOLDER.glob("templates/*.html"):
        source = re.sub(r"{% set \w+ %}.*?{% endset %}", "", path.read_text(), flags=re.DOTALL)
        source = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", "", source, flags=re.DOTALL)
        assert re.findall(r"[A-Za-z]{3,}", source) == [], path.name


def test_how_texts_are_looked_up() -> None:
    with pytest.raises(KeyError):
        INDONESIAN("cart.nothing")
    assert INDONESIAN.label("strap", "sea_grass") == "sea grass", "the catalogue is ahead"
    assert [ENGLISH.count("order.quantity", n) for n in (0, 1, 2)] == [
        *("0 pieces", "1 piece", "2 pieces")
    ]
    assert {len(text("time.months").split()) for text in TEXTS.values()} == {12}

"""Which language is spoken, and how it writes money and time."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.formats import format_date, format_moment, format_rupiah
from services.frontend.language import Language, choose_language
from services.frontend.routes.language import read_next
from services.frontend.texts import read_texts

ID, EN = Language.INDONESIAN, Language.ENGLISH
TEXTS = read_texts()


@pytest.mark.parametrize(
    ("asked", "remembered", "accepted", "language"),
    [
        *((None, None, accepted, ID) for accepted in (None, "id,en;q=0.9", "en;q=0.8, id")),
        *((None, None, accepted, ID) for accepted in ("in-ID", "fr", "*", "en;q=0", "en;q=x")),
        *((None, None, accepted, EN) for accepted in ("en-US,en;q=0.9", "de,de;q=0.9,en;q=0.5")),
        *((None, "en", "id", EN), (None, "xx", "en", EN), ("id", "en", "en", ID)),
        *(("en", "id", None, EN), ("xx", None, None, ID), (None, None, "id,en", ID)),
    ],
)
def test_asked_comes_before_remembered_before_preferred(
    asked: str | None, remembered: str | None, accepted: str | None, language: Language
) -> None:
    assert choose_language(asked, remembered, accepted) is language


@given(st.text())
def test_no_header_makes_it_fail(header: str) -> None:
    assert choose_language(None, None, header) in Language


@pytest.mark.parametrize(
    ("address", "goes_on"),
    [
        *((path, True) for path in ("/", "/cart", "/?q=a%20b&page=2", "/?q=%E2%82%AC")),
        *((path, False) for path in ("//evil.example", "/\\evil.example", "\\/evil", " /cart")),
        *((path, False) for path in ("https://evil.example", "javascript:alert(1)", "", "cart")),
        *((path, False) for path in ("/a\r\nSet-Cookie: x=y", "/a b", "/" + "a" * 3000)),
    ],
)
def test_one_goes_on_where_one_was_and_to_no_other_site(address: str, goes_on: bool) -> None:
    assert read_next(address) == (address if goes_on else "/")


@given(st.text())
def test_the_next_page_is_always_a_header_value_and_a_path_of_ours(address: str) -> None:
    location = read_next(address)
    assert location.isascii()
    assert location.isprintable()
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))


def test_money_and_time_are_written_as_each_language_does() -> None:
    assert [format_rupiah(6_400_000, one) for one in (ID, EN)] == ["Rp 6.400.000", "Rp 6,400,000"]
    moment, day = datetime(2026, 11, 24, 17, 5, 59, tzinfo=UTC), date(2024, 8, 1)
    western_indonesian = [format_moment(moment, TEXTS[one]) for one in (ID, EN)]
    assert western_indonesian == ["25 November 2026 pukul 00.05 WIB", "25 November 2026, 00:05 WIB"]
    assert [format_date(day, TEXTS[one]) for one in (ID, EN)] == ["1 Agustus 2024", "1 August 2024"]


@given(st.integers(0, 10**15), st.sampled_from(Language))
def test_no_rupiah_is_lost_in_writing(amount: int, language: Language) -> None:
    digits = "".join(char for char in format_rupiah(amount, language) if char.isdigit())
    assert int(digits) == amount

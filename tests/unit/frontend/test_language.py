"""Which language is spoken, and how it writes money and time."""

from collections.abc import Callable
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
        (None, None, None, ID),
        (None, None, "en-US,en;q=0.9", EN),
        (None, None, "de-DE,de;q=0.9,en;q=0.5", EN),
        (None, None, "id,en;q=0.9", ID),
        (None, None, "en;q=0.8, id", ID),
        (None, None, "in-ID", ID),
        (None, None, "en;q=0", ID),
        (None, None, "en;q=nonsense", ID),
        (None, None, "fr", ID),
        (None, None, "*", ID),
        (None, "en", "id", EN),
        (None, "xx", "en", EN),
        ("id", "en", "en", ID),
        ("en", "id", None, EN),
        ("xx", None, None, ID),
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
    "address", ["/", "/cart", "/?q=a%20b&page=2", "/products/x-1", "/?q=%E2%82%AC"]
)
def test_one_goes_on_where_one_was(address: str) -> None:
    assert read_next(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""),
        *("/a\r\nSet-Cookie: x=y", "/a b", "cart", "/" + "a" * 3000, "\\/evil", " /cart"),
    ],
)
def test_nobody_is_sent_to_another_site(address: str) -> None:
    assert read_next(address) == "/"


@given(st.text())
def test_the_way_on_is_always_a_header_value_and_a_path_of_ours(address: str) -> None:
    location = read_next(address)
    assert location.isascii()
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert location.isprintable()


MOMENT = datetime(2026, 11, 24, 17, 5, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "indonesian", "english"),
    [
        *((lambda one, n=n: format_rupiah(n, one), f"Rp {n}", f"Rp {n}") for n in (0, 999)),
        (lambda one: format_rupiah(6_400_000, one), "Rp 6.400.000", "Rp 6,400,000"),
        # In western Indonesian time.
        (
            lambda one: format_moment(MOMENT, TEXTS[one]),
            "25 November 2026 pukul 00.05 WIB",
            "25 November 2026, 00:05 WIB",
        ),
        (lambda one: format_date(date(2024, 8, 1), TEXTS[one]), "1 Agustus 2024", "1 August 2024"),
    ],
)
def test_money_and_time_are_written_as_each_language_does(
    written: Callable[[Language], str], indonesian: str, english: str
) -> None:
    assert (written(ID), written(EN)) == (indonesian, english)


@given(st.integers(0, 10**15), st.sampled_from(Language))
def test_no_rupiah_is_lost_in_writing(amount: int, language: Language) -> None:
    digits = "".join(char for char in format_rupiah(amount, language) if char.isdigit())
    assert int(digits) == amount

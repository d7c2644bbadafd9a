"""Which language is spoken, and how it writes money and time."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.frontend.cookie import CookieStyle
from services.frontend.formats import format_date, format_moment, format_rupiah
from services.frontend.language import Language, LanguageCookie, choose_language
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


def test_the_choice_is_remembered_for_a_year() -> None:
    cookie = LanguageCookie(CookieStyle())
    written = cookie.write(EN)
    assert written == "arloji_language=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
    assert cookie.read([(b"cookie", written.split(";")[0].encode())]) == EN


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


@pytest.mark.parametrize(
    ("amount", "indonesian", "english"),
    [
        (0, "Rp 0", "Rp 0"),
        (999, "Rp 999", "Rp 999"),
        (6_400_000, "Rp 6.400.000", "Rp 6,400,000"),
        (10**12, "Rp 1.000.000.000.000", "Rp 1,000,000,000,000"),
    ],
)
def test_rupiah_are_grouped_as_each_language_does(
    amount: int, indonesian: str, english: str
) -> None:
    assert format_rupiah(amount, ID) == indonesian
    assert format_rupiah(amount, EN) == english


@given(st.integers(0, 10**15))
def test_no_rupiah_is_lost_in_writing(amount: int) -> None:
    for language in Language:
        digits = "".join(char for char in format_rupiah(amount, language) if char.isdigit())
        assert int(digits) == amount


def test_times_are_shown_in_western_indonesian_time() -> None:
    moment = datetime(2026, 11, 24, 17, 5, 59, tzinfo=UTC)
    assert format_moment(moment, TEXTS[ID]) == "25 November 2026 pukul 00.05 WIB"
    assert format_moment(moment, TEXTS[EN]) == "25 November 2026, 00:05 WIB"


def test_dates_name_the_month() -> None:
    assert format_date(date(2024, 8, 1), TEXTS[ID]) == "1 Agustus 2024"
    assert format_date(date(2024, 8, 1), TEXTS[EN]) == "1 August 2024"

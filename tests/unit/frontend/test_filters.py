"""The catalogue's filters: forgiving in what they read, exact in what they pass on."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.products import MAX_PAGE, MAX_PRICE_IDR, ProductSort
from services.frontend.filters import FIELDS, read_filters
from services.frontend.pagination import list_pages


@pytest.mark.parametrize("typed", [{}, dict.fromkeys((*FIELDS, "page"), "")])
def test_nothing_typed_is_the_newest_of_everything(typed: dict[str, str]) -> None:
    filters = read_filters(typed)
    assert (filters.errors, filters.url()) == ({}, "/")
    assert filters.api_parameters() == {"sort": "newest", "page": "1", "page_size": "24"}


@pytest.mark.parametrize("q", [" batik ", "a&b=c#d%"])
def test_filters_travel_to_the_api_and_stay_in_the_address(q: str) -> None:
    typed = {"q": q, "brand": "Canting Emas", "min_price": "1.000.000", "sort": "-price"}
    kept = {"q": q.strip(), "brand": "Canting Emas", "min_price": "1000000", "sort": "-price"}
    filters = read_filters({**typed, "page": "3"})
    assert filters.api_parameters() == {**kept, "page": "3", "page_size": "24"}
    assert dict(parse_qsl(urlsplit(filters.url(page=3)).query)) == {**kept, "page": "3"}
    kept.pop("q")
    assert dict(parse_qsl(urlsplit(filters.url(without="q")).query)) == kept
    assert read_filters({"q": "sa"}).url(without="q") == "/"


@pytest.mark.parametrize(
    ("typed", "price"),
    [
        *(("1500000", 1_500_000), ("1.500.000", 1_500_000), ("1,500,000", 1_500_000), ("0", 0)),
        *(("Rp 1.500.000", 1_500_000), ("rp1500", 1500), ("1 500", 1500), (" 7 ", 7)),
        (str(MAX_PRICE_IDR), MAX_PRICE_IDR),
    ],
)
def test_prices_are_read_as_people_write_them(typed: str, price: int) -> None:
    filters = read_filters({"min_price": typed})
    assert (filters.min_price, filters.errors) == (price, {})


@pytest.mark.parametrize(
    "typed", ["abc", "-1", "1.5", "1,50", "1e6", "0x10", "\u0661", "9" * 400, "1.500,00"]
)
def test_what_is_no_price_is_named_and_left_out(typed: str) -> None:
    filters = read_filters({"max_price": typed, "q": "sa"})
    assert filters.errors == {"max_price": "price"}
    assert filters.typed["max_price"] == typed
    assert "max_price" not in filters.api_parameters()
    assert filters.api_parameters()["q"] == "sa"


def test_a_range_that_is_upside_down_is_named_and_ends_nowhere() -> None:
    filters = read_filters({"min_price": "10", "max_price": "9"})
    assert filters.errors == {"max_price": "price_order"}
    assert filters.active == {"min_price": "10"}, "no list is empty for a slip"
    equal = {"min_price": "10", "max_price": "10"}
    assert read_filters(equal).active == equal


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.0", str(MAX_PAGE + 1), "9" * 30, "\u0661"])
def test_other_bad_values_are_named_too(page: str) -> None:
    filters = read_filters({"q": "x" * 101, "brand": "y" * 101, "sort": "stock", "page": page})
    errors = {"q": "q_too_long", "brand": "brand", "sort": "sort", "page": "page"}
    assert filters.errors == errors
    assert filters.api_parameters() == read_filters({}).api_parameters()


def test_a_search_that_the_api_refuses_can_be_left_out() -> None:
    filters = read_filters({"q": "a b c", "brand": "Samudra"}).refuse_search()
    assert filters.errors == {"q": "q_refused"}
    assert filters.typed["q"] == "a b c"
    assert filters.active == {"brand": "Samudra"}


@given(st.dictionaries(st.sampled_from([*FIELDS, "page"]), st.text()))
def test_no_query_makes_it_fail_or_pass_on_what_the_api_refuses(query: dict[str, str]) -> None:
    filters = read_filters(query)
    parameters = filters.api_parameters()
    assert len(parameters.get("q", "")) <= 100
    assert parameters["sort"] in set(ProductSort)
    assert 1 <= int(parameters["page"]) <= MAX_PAGE
    assert not any(ord(char) < 32 for value in parameters.values() for char in value)
    assert filters.url().startswith("/")


@pytest.mark.parametrize(
    ("page", "pages", "numbers"),
    [
        *((1, 1, [1]), (1, 2, [1, 2]), (1, 12, [1, 2, None, 12]), (99, 3, [1, 2, 3])),
        *((3, 12, [1, 2, 3, 4, None, 12]), (4, 12, [1, 2, 3, 4, 5, None, 12])),
        *((6, 12, [1, None, 5, 6, 7, None, 12]), (12, 12, [1, None, 11, 12])),
    ],
)
def test_page_numbers_are_the_ends_and_the_neighbours(
    page: int, pages: int, numbers: list[int | None]
) -> None:
    assert list_pages(page, pages) == numbers

"""What a product query means, and what it is stored under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.products import MAX_QUERY_LENGTH, ProductSort
from database.words import words_of
from servicekit.validation import field_errors
from services.service_http.search import ProductQuery


def key(**values: str) -> str:
    return ProductQuery.model_validate(values).cache_key()


@pytest.mark.parametrize(
    "same",
    [
        ({"q": "biru samudra"}, {"q": " SAMUDRA,  biru "}, {"q": "sam biru samudra b"}),
        ({"ids": "2,1"}, {"ids": "1,2,2"}, {"ids": "01,2"}),
        ({}, {"q": " "}, {"min_price": "0"}, {"page": "1", "sort": "name"}, {"brand": "  "}),
        ({"q": "!!!"}, {"q": "?"}),
    ],
)
def test_queries_that_mean_the_same_have_one_key(same: tuple[dict[str, str], ...]) -> None:
    assert len({key(**values) for values in same}) == 1


def test_queries_that_differ_in_meaning_have_different_keys() -> None:
    different: list[dict[str, str]] = [
        *({}, {"q": "a"}, {"q": "b"}, {"q": "a b"}, {"q": "!"}, {"brand": "a"}, {"brand": "A"}),
        *({"min_price": "5"}, {"max_price": "5"}, {"min_price": "5", "max_price": "5"}),
        *({"max_price": "0"}, {"ids": "5"}, {"ids": "5,6"}, {"page": "5"}, {"page_size": "5"}),
        *({"sort": str(sort)} for sort in ProductSort if sort is not ProductSort.NAME),
    ]
    assert len({key(**values) for values in different}) == len(different)


@given(st.text(max_size=MAX_QUERY_LENGTH))
def test_any_text_is_searched_for_or_has_too_many_words(q: str) -> None:
    try:
        query = ProductQuery(q=q)
    except ValidationError:
        assert len(words_of(q)) > 8
        return
    assert query.cache_key().isascii()
    assert len(query.cache_key()) < 60
    assert query.finds_nothing == (bool(q.strip()) and not words_of(q))
    # What is left out is implied by what is kept.
    assert set(query.words) <= set(words_of(q))
    for word in words_of(q):
        assert any(kept.startswith(word) for kept in query.words)


@given(st.sets(st.text("ab", min_size=1, max_size=4), max_size=8))
def test_no_word_that_is_kept_begins_another_one(words: set[str]) -> None:
    kept = ProductQuery(q=" ".join(words)).words
    assert not [(a, b) for a in kept for b in kept if a != b and b.startswith(a)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sort": "rating"}, "must be 'name', 'price', '-price' or 'newest'"),
        ({"page": "1.5"}, "must be a whole number"),
        ({"page_size": "101"}, "must be at most 100"),
        ({"min_price": "5", "max_price": "4"}, "must not be below min_price"),
        ({"q": "x" * 101}, "must have at most 100 characters"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(query: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ProductQuery.model_validate(query)
    assert [one["message"] for one in field_errors(caught.value)] == [message]

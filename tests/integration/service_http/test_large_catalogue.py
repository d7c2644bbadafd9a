"""What is done otherwise in a large catalogue shows the same watches and totals: kept counts,
orders that are walked, pages that begin at a landmark. Here more than a few is many."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select

from contracts.products import BrandList, ProductPage
from database.catalogue import create_catalogue
from database.counts import keep_counts
from database.tables import catalogue_counts
from services.service_http import landmarks, product_rows, product_statements, walking
from services.service_http.landmarks import Landmarks
from services.service_http.product_rows import list_brands, list_products
from services.service_http.search import ProductQuery
from tests.reading import statements_counted

CATALOGUE = create_catalogue()
FEW = 20
QUERIES = [
    ProductQuery.model_validate(
        {**filters, "sort": sort, "page": page, "page_size": 2 if "q" in filters else 24}
    )
    for sort in ("name", "price", "-price", "newest")
    for filters in (
        *({}, {"brand": "Samudra"}, {"min_price": "2000000"}, {"min_price": "99000000"}),
        *({"q": "batik"}, {"q": "s"}, {"q": "ba hi"}, {"q": "hitam", "brand": "Samudra"}),
        *({"q": "kulit", "max_price": "3000000"}, {"q": "zzz"}, {"q": "samudra"}, {"ids": "7,5"}),
    )
    for page in (1, 2, 3, 7, 11, 12)
]


@pytest.fixture
def large(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    yield engine
    with engine.begin() as connection:
        connection.execute(delete(catalogue_counts))


def answers(engine: Engine) -> tuple[list[ProductPage], BrandList]:
    known = Landmarks()
    with engine.connect() as connection:
        pages = [list_products(connection, query, landmarks=known) for query in QUERIES]
        return pages, list_brands(connection)


def test_a_large_catalogue_shows_what_a_small_one_does(
    large: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages, brands = answers(large)
    keep_counts(large, FEW)
    monkeypatch.setattr(product_rows, "FEW_PRODUCTS", FEW)
    # So that some are among watches of the same price.
    for module in (landmarks, product_rows):
        monkeypatch.setattr(module, "DISTANCE", 7)
    walked: list[Any] = []
    monkeypatch.setattr(
        product_rows, "walk", lambda *args: walked.append(walking.walk(*args)) or walked[-1]
    )
    # Those equal to a landmark are counted otherwise.
    with statements_counted("SELECT count(*) AS count_1 \nFROM products") as counted:
        large_pages, large_brands = answers(large)
    for query, page, expected in zip(QUERIES, large_pages, pages, strict=True):
        assert page == expected, query
    assert large_brands == brands
    # Some of them by walking, and hardly any by counting.
    assert sum(page is not None for page in walked) > 10
    assert 0 < len(counted) < len(QUERIES)


def test_kept_counts_are_those_of_brands_and_beginnings_of_words(large: Engine) -> None:
    """A watch with two words that begin alike is counted once; few watches are not kept."""
    keep_counts(large)
    kept = select(catalogue_counts.c.kind, catalogue_counts.c.value, catalogue_counts.c.products)
    with large.connect() as connection:
        assert connection.execute(kept).all() == []
    keep_counts(large, FEW)
    with large.connect() as connection:
        rows = {(kind, value): number for kind, value, number in connection.execute(kept)}
        for brand in list_brands(connection).items:
            assert rows.pop(("brand", brand.brand)) == brand.products
        assert rows.pop(("all", "")) == len(CATALOGUE)
        assert all(number > FEW for number in rows.values())
        connection.execute(delete(catalogue_counts))
        for (kind, word), number in rows.items():
            assert kind == "word"
            assert list_products(connection, ProductQuery(q=word)).total == number, word
        connection.rollback()


def test_a_search_that_ran_out_of_time_is_gone_on_with_by_the_next(
    large: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine it would else end at the time limit again and again."""
    keep_counts(large, FEW)
    monkeypatch.setattr(product_rows, "FEW_PRODUCTS", FEW)
    monkeypatch.setattr(walking, "_MARGIN", 0)
    monkeypatch.setattr(walking, "_MANY", 3)
    query, asked = ProductQuery(q="hitam", page=3, page_size=2), list[dict[str, Any]]()

    def execute(*args: Any, **values: Any) -> Any:
        asked.append(values)
        if len(asked) == limit:
            raise TimeoutError
        return product_statements.execute(*args, **values)

    monkeypatch.setattr(walking, "execute", execute)
    with large.connect() as connection:
        limit = 0
        expected = list_products(connection, query, landmarks=Landmarks())
        number = len(asked)
        known, limit = Landmarks(), number + 3
        with pytest.raises(TimeoutError):
            list_products(connection, query, landmarks=known)
        assert list_products(connection, query, landmarks=known) == expected
        # The one that was broken off is made again.
        assert len(asked) == 2 * number + 1
        assert number > 4
        list_products(connection, query, landmarks=known)
        assert len(asked) == 3 * number + 1, "what is finished is found anew"

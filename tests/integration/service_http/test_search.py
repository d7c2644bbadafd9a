"""The catalogue by `GET /api/products`, on every database: what is found, in which order, by
which index."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.dialects import sqlite

from contracts.products import MAX_PRICE_IDR
from database.catalogue import CatalogueItem, create_catalogue
from database.tables import product_words, products
from services.service_http.product_conditions import shape_of, values_of
from services.service_http.product_statements import count_of, page_of
from services.service_http.search import ProductQuery
from tests.reading import on_any_database, statements_counted
from tests.waiting import eventually_async

CATALOGUE = create_catalogue()
SORTS: dict[str, Callable[[CatalogueItem], Any]] = {
    "name": lambda item: (item.name, item.product_id),
    "price": lambda item: (item.price_idr, item.product_id),
    "-price": lambda item: (-item.price_idr, item.product_id),
    "newest": lambda item: (-item.released_on.toordinal(), item.product_id),
}


async def find(api: httpx.AsyncClient, **query: Any) -> list[int]:
    """Ids of everything found, in order, page by page."""
    found: list[int] = []
    while True:
        page = len(found) // 100 + 1
        answer = await api.get("/api/products", params={**query, "page_size": 100, "page": page})
        assert answer.status_code == 200, answer.text
        found += [item["product_id"] for item in answer.json()["items"]]
        if len(found) % 100 or not answer.json()["items"]:
            assert answer.json()["total"] == len(found)
            return found


def ids_of(matches: Callable[[CatalogueItem], bool]) -> set[int]:
    return {item.product_id for item in CATALOGUE if matches(item)}


def plain(text: str) -> list[str]:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = (c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
    return "".join(letters).split()


def searched(q: str) -> set[int]:
    """What a search should find, by looking at every watch."""
    return ids_of(
        lambda item: all(
            any(
                word.startswith(wanted)
                for word in plain(f"{item.brand} {item.collection} {item.name}")
            )
            for wanted in plain(q)
        )
    )


async def test_every_word_of_a_search_begins_a_word_of_brand_collection_or_name(
    api: httpx.AsyncClient,
) -> None:
    for q in (
        *("samudra", "SAMUDRA", "sam", "s", "Sämüdrá", "\uff53\uff41\uff4d"),
        *("samudra biru", "biru samudra", "bir sam", "sam samu samudra", "hening 40"),
        *("veltheim & orr", "veltheim orr", "kulit-hitam", "  kulit   hitam  ", "4"),
        *("amudra", "samudra zzz", "zzz", "x" * 100),
    ):
        assert set(await find(api, q=q)) == searched(q), q
    assert len(searched("samudra biru")) > 1
    assert searched("veltheim & orr") == searched("veltheim orr") != set()
    # Without letters and digits nothing is found.
    for q in ("!!!", "-", "' \" ;", "🙂", "%", "_", "*", "\x00"):
        assert await find(api, q=q) == [], q


async def test_words_beyond_the_basic_plane_are_found(
    api: httpx.AsyncClient, engine: Engine
) -> None:
    """U+10428 is the small letter of U+10400, and what both are folded to."""
    words = [("\U00010427", 1), ("\U00010428a", 2), ("\U00010428", 3), ("\U00010429", 4)]
    with engine.begin() as connection:
        connection.execute(
            insert(product_words), [{"word": word, "product_id": id} for word, id in words]
        )
    try:
        assert set(await find(api, q="\U00010400")) == {2, 3}
    finally:
        with engine.begin() as connection:
            connection.execute(product_words.delete().where(product_words.c.word >= "\U00010000"))


async def test_brand_price_and_ids_are_exact_and_all_filters_apply_together(
    api: httpx.AsyncClient,
) -> None:
    of_brand = ids_of(lambda item: item.brand == "Veltheim & Orr")
    for brand in ("Veltheim & Orr", " Veltheim & Orr "):
        assert set(await find(api, brand=brand)) == of_brand
    for other in ("veltheim & orr", "Veltheim", "Veltheim & Orr\x00", "Veltheim & Orr\t.", "%"):
        assert await find(api, brand=other) == []

    prices = sorted({item.price_idr for item in CATALOGUE})
    low, high = prices[3], prices[20]
    for least, most in ((low, high), (low, low)):
        assert set(await find(api, min_price=least, max_price=most)) == ids_of(
            lambda item, least=least, most=most: least <= item.price_idr <= most
        )
    assert await find(api, min_price=MAX_PRICE_IDR) == []

    assert await find(api, ids="7,3,3,999999,9223372036854775807", sort="newest") == sorted(
        (7, 3), key=lambda id: SORTS["newest"](CATALOGUE[id - 1])
    )

    blue = searched("biru")
    matching = [item for item in CATALOGUE if item.brand == "Samudra" and item.product_id in blue]
    price = sorted(item.price_idr for item in matching)[len(matching) // 2]
    some = {item.product_id for item in matching[::2]} | {1, 2}
    ids = ",".join(map(str, sorted(some)))
    found = await find(api, q="biru", brand="Samudra", min_price=price, ids=ids)
    assert found
    assert set(found) == some & {item.product_id for item in matching if item.price_idr >= price}


async def test_pages_in_each_order_are_disjoint_and_together_everything(
    api: httpx.AsyncClient,
) -> None:
    """Ties, of which the catalogue has many, are broken by product id."""
    assert len({item.price_idr for item in CATALOGUE}) < len(CATALOGUE)
    assert len({item.released_on for item in CATALOGUE}) < len(CATALOGUE)
    for sort, key in SORTS.items():
        seen: list[int] = []
        for page in range(1, len(CATALOGUE) // 40 + 2):
            answer = await api.get(f"/api/products?sort={sort}&page={page}&page_size=40")
            seen += [item["product_id"] for item in answer.json()["items"]]
        assert seen == [item.product_id for item in sorted(CATALOGUE, key=key)], sort
    for page in (13, 10**6, 10**9):
        answer = await api.get(f"/api/products?page={page}")
        empty = {"items": [], "page": page, "page_size": 24, "total": len(CATALOGUE)}
        assert (answer.status_code, answer.json()) == (200, empty)


async def test_a_product_in_a_list_is_the_product_itself_and_brands_are_counted(
    api: httpx.AsyncClient,
) -> None:
    item = (await api.get("/api/products?ids=5")).json()["items"][0]
    assert item == (await api.get("/api/products/5")).json()
    watch = CATALOGUE[4]
    assert item["description"] == watch.description_id
    assert item["stock"] == watch.stock
    assert item["released_on"] == watch.released_on.isoformat()
    brands = [item.brand for item in CATALOGUE]
    assert (await api.get("/api/brands")).json()["items"] == [
        {"brand": brand, "products": brands.count(brand)} for brand in sorted(set(brands))
    ]


BAD_VALUES = [
    *("page=0", "page=-1", "page=1.0", "page=1_0", "page=x", "page=%00", "page=1000000001"),
    *("page=99999999999999999999", "page=%D9%A3", "page=%2B1", "page=1e3", "page=true"),
    *("page_size=0", "page_size=101", "page_size=-5", "page_size=x"),
    *("min_price=-1", "max_price=x", "max_price=1000000000001", "min_price=9&max_price=8"),
    *("sort=stock", "sort=NAME", "sort=name%20", "sort=price%3Bdrop"),
    *("ids=x", "ids=0", "ids=1,,2", "ids=1,2,", "ids=9223372036854775808", "ids=1%202"),
    "ids=" + ",".join(str(number) for number in range(1, 52)),
    *("q=" + "x" * 101, "q=" + "+".join("abcdefghi"), "brand=" + "x" * 101),
]
HOSTILE = [
    *("'", '"; DROP TABLE products; --', "' OR '1'='1", "%' OR 1=1 #", "\\", "\\'", "%%s%(a)s"),
    *("<script>alert(1)</script>", "{{7*7}}", "${jndi:ldap://x}", "../../etc/passwd", "\r\nX: y"),
    *("\x00", "a\x00b", "\x1b[31m", "\u202e\x00", "\U0010ffff", "\uffff", "\ufdfa" * 90),
    *("🙂🙂", "👩\u200d👩\u200d👧", "\U0001d4ae\U0001d4b6", "\uff11\uff12", "\u2460\u2461"),
    *("é" * 100, "ß" * 100, "İ" * 99, "\u0661\u0662", "\uff41" * 100, "\u0301" * 100),
]


@on_any_database
async def test_a_bad_value_is_422_and_names_the_parameter(api: httpx.AsyncClient) -> None:
    for query in BAD_VALUES:
        answer = await api.get(f"/api/products?{query}")
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"
        name = query.split("&")[-1].split("=")[0]
        assert [error["field"] for error in answer.json()["errors"]] == [f"query.{name}"]


async def test_hostile_text_is_searched_for_or_refused(api: httpx.AsyncClient) -> None:
    for value in HOSTILE:
        for name in ("q", "brand", "sort", "page", "ids", "min_price", "unknown"):
            answer = await api.get("/api/products", params={name: value})
            assert answer.status_code in {200, 422}, (name, value, answer.text)
            assert isinstance(answer.json(), dict)


@on_any_database
async def test_what_a_form_or_a_link_adds_changes_nothing(api: httpx.AsyncClient) -> None:
    """Blank values, broken encodings, unknown parameters; of a repeated one the last counts."""
    usual = (await api.get("/api/products")).json()
    assert usual["total"] == len(CATALOGUE)
    blank = "q=&brand=&min_price=&max_price=&sort=&page=&page_size=&ids="
    for query in (blank, "q=+&brand=+", "utm_source=x&__proto__=1&limit=0", "q=%ff&q="):
        assert (await api.get(f"/api/products?{query}")).json() == usual, query
    for raw in ("q=%ff%fe", "q=%ed%a0%80", "q=%", "brand=%c0%80", "%ff=%ff", "q", "&&=&", "?"):
        assert (await api.get(f"/api/products?{raw}")).status_code == 200, raw
    answer = await api.get("/api/products?page=x&page=3&page_size=5&page=2&sort=price&sort=name")
    assert (answer.json()["page"], answer.json()["page_size"]) == (2, 5)


def plans_of(engine: Engine, query: ProductQuery) -> list[str]:
    """How the database finds a page, and how it counts."""
    is_sqlite = engine.dialect.name == sqlite.dialect.name
    plans = []
    with engine.begin() as connection:
        if not is_sqlite:
            # InnoDB counts rows in the background; until it has, it takes the tables for empty, and
            # reads them from end to end.
            connection.exec_driver_sql(f"ANALYZE TABLE {products.name}, {product_words.name}")
        for statement in (page_of(shape_of(query)), count_of(shape_of(query))):
            sql = statement.params(values_of(query)).compile(
                dialect=engine.dialect, compile_kwargs={"literal_binds": True}
            )
            verb = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
            rows: Iterable[Any] = connection.exec_driver_sql(f"{verb} {sql}".replace("%", "%%"))
            plans.append("\n".join(str(tuple(row)) for row in rows))
    for plan in plans:
        # Neither table is read from end to end; an index, which is narrow, may be.
        for table in (products.name, product_words.name):
            assert f"'{table}', 'ALL'" not in plan, plan
            assert f"SCAN {table}'" not in plan, plan
    return plans


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ({}, "ix_products_by_name"),
        ({"sort": "price"}, "ix_products_by_price"),
        ({"sort": "-price"}, "ix_products_by_falling_price"),
        ({"sort": "newest"}, "ix_products_by_age"),
        *(
            ({"brand": "Samudra", "sort": sort}, f"ix_products_of_brand_by_{of}")
            for sort, of in (
                *(("name", "name"), ("price", "price"), ("-price", "falling_price")),
                ("newest", "age"),
            )
        ),
        # Rising or falling makes no difference to a range.
        ({"min_price": "2000000", "max_price": "3000000"}, "_price"),
    ],
)
def test_a_page_is_found_by_the_index_for_it(
    engine: Engine, query: dict[str, str], index: str
) -> None:
    page, count = plans_of(engine, ProductQuery.model_validate(query))
    assert index in page or (index in count and "price" in next(iter(query)))


def test_words_are_found_by_a_range_of_their_index(engine: Engine) -> None:
    for plan in plans_of(engine, ProductQuery(q="samudra biru")):
        assert "word>? AND word<?" in plan or "'first', 'range'" in plan


@on_any_database
async def test_a_search_is_counted_once_and_only_if_its_page_does_not_show_the_end(
    api: httpx.AsyncClient,
) -> None:
    all_of_them = len(CATALOGUE)
    # It asks for a list itself before it is ready.
    await eventually_async(lambda: api.get("/readyz"), lambda answer: answer.is_success)
    with statements_counted("count(*)") as counted:
        for query, counts in (
            *(("q=zzz", 0), ("q=mendung", 0), ("sort=price", 1), ("sort=name&page=2", 0)),
            *(("page=999", 0), ("brand=Samudra&page=99", 1), ("brand=Samudra&page=98", 0)),
        ):
            before = len(counted)
            answer = (await api.get(f"/api/products?{query}")).json()
            assert len(counted) - before == counts, query
            if "sort" in query or query.startswith("page"):
                assert answer["total"] == all_of_them, query

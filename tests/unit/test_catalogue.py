"""The seed catalogue: what it promises to the shop, and that it never changes by accident."""

import dataclasses
import re
from collections import Counter
from datetime import date
from hashlib import sha256

import pytest

from database.catalogue import CatalogueItem, create_catalogue
from database.catalogue.generate import generate
from database.catalogue.models import Collection, Text, Wear

CATALOGUE = create_catalogue()

# Changing any field of any watch changes this digest. If the change is meant, record the new one.
RECORDED_DIGEST = "c056a6c564f58ab645fc74c9baf32a6dc49dedc05adc5a66d2a56b3e3e812bc3"

COLLECTION = Collection(
    brand="Uji Coba",
    name="Contoh",
    language="id",
    since=date(2020, 12, 1),
    movement="quartz",
    water_resistance_m=50,
    price_idr=1_000_000,
    look="bezel=thin;index=line;hands=baton",
    dials=("white/matte", "ink/matte"),
    wears=(Wear("steel", 40, "leather-tan"), Wear("titanium", 40, "three-titanium")),
    stories=(Text("Satu kalimat.", "One sentence."),),
)


def digest_of(catalogue: tuple[CatalogueItem, ...]) -> str:
    rows = (repr(dataclasses.astuple(item)) for item in catalogue)
    return sha256("\n".join(rows).encode()).hexdigest()


def test_catalogue_is_the_recorded_one_field_by_field() -> None:
    assert digest_of(CATALOGUE) == RECORDED_DIGEST


def test_catalogue_holds_at_least_240_watches_of_10_to_14_brands() -> None:
    assert len(CATALOGUE) >= 240
    assert 10 <= len({item.brand for item in CATALOGUE}) <= 14


def test_product_ids_count_from_one_without_gaps() -> None:
    assert [item.product_id for item in CATALOGUE] == list(range(1, len(CATALOGUE) + 1))


def test_slugs_are_unique_words_that_end_in_the_product_id() -> None:
    assert len({item.slug for item in CATALOGUE}) == len(CATALOGUE)
    for item in CATALOGUE:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", item.slug), item.slug
        assert item.slug.endswith(f"-{item.product_id}")
        assert len(item.slug) <= 100


def test_a_brand_has_no_two_watches_of_one_name() -> None:
    names = Counter((item.brand, item.name) for item in CATALOGUE)
    assert [name for name, count in names.items() if count > 1] == []
    assert max(len(item.name) for item in CATALOGUE) <= 120


def test_every_watch_is_described_in_two_languages_by_three_or_four_sentences() -> None:
    for item in CATALOGUE:
        assert item.description_id != item.description_en
        for text in (item.description_id, item.description_en):
            sentences = re.findall(r"[^.]\.(?= [A-Z]|$)", text)
            assert 3 <= len(sentences) <= 4, text
            assert "{" not in text
            assert text == text.strip()


def test_both_descriptions_state_the_same_numbers() -> None:
    for item in CATALOGUE:
        assert f"{item.case_mm} mm" in item.description_id, item.name
        assert f"{item.case_mm} mm" in item.description_en, item.name
        assert f"{item.water_resistance_m} met" in item.description_id, item.name
        assert f"{item.water_resistance_m} met" in item.description_en, item.name


def test_descriptions_are_varied() -> None:
    for texts in (
        [item.description_id for item in CATALOGUE],
        [item.description_en for item in CATALOGUE],
    ):
        assert len(set(texts)) >= 0.95 * len(texts)


@pytest.mark.parametrize(
    ("field", "codes"),
    [
        ("movement", {"automatic", "manual", "quartz", "solar", "chronograph"}),
        ("case_material", {"steel", "titanium", "bronze", "gold", "ceramic"}),
        (
            "strap",
            {
                *("leather", "steel_bracelet", "rubber", "nato"),
                *("mesh", "titanium_bracelet", "batik"),
            },
        ),
        ("water_resistance_m", {30, 50, 100, 200, 300}),
    ],
)
def test_every_code_is_used_and_no_other(field: str, codes: set[object]) -> None:
    assert {getattr(item, field) for item in CATALOGUE} == codes


def test_sizes_and_prices_are_plausible() -> None:
    for item in CATALOGUE:
        assert 34 <= item.case_mm <= 45
        assert 450_000 <= item.price_idr <= 180_000_000
        assert item.price_idr % 1_000 == 0


def test_stock_has_sold_out_and_nearly_sold_out_watches() -> None:
    stocks = [item.stock for item in CATALOGUE]
    assert all(0 <= stock <= 120 for stock in stocks)
    assert 5 <= stocks.count(0) <= 25
    assert 5 <= sum(1 <= stock <= 3 for stock in stocks) <= 25


def test_releases_are_spread_and_a_higher_id_is_never_older() -> None:
    releases = [item.released_on for item in CATALOGUE]
    assert releases == sorted(releases)
    assert {release.year for release in releases} == set(range(2019, 2027))
    assert len(set(releases)) > len(releases) / 2


def test_every_face_is_drawn_by_its_own_short_instructions() -> None:
    assert len({item.face for item in CATALOGUE}) == len(CATALOGUE)
    assert max(len(item.face) for item in CATALOGUE) <= 200


def test_face_shows_the_case_and_the_size_that_the_row_names() -> None:
    metals = {"rose": "gold", "white": "ceramic"}
    for item in CATALOGUE:
        drawn = dict(part.split("=") for part in item.face.split(";"))
        assert metals.get(drawn["case"], drawn["case"]) == item.case_material
        assert int(drawn["mm"]) == item.case_mm


def test_watches_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE[0].stock = 1  # type: ignore[misc]
    assert not hasattr(CATALOGUE[0], "__dict__")


def test_each_dial_in_each_wear_is_one_watch() -> None:
    assert {item.name for item in generate((COLLECTION,))} == {
        "Contoh Putih, Kulit Cokelat Muda",
        "Contoh Hitam Pekat, Kulit Cokelat Muda",
        "Contoh Putih Titanium, Gelang Titanium",
        "Contoh Hitam Pekat Titanium, Gelang Titanium",
    }


def test_prices_follow_from_case_and_strap() -> None:
    prices = {(item.case_material, item.price_idr) for item in generate((COLLECTION,))}
    assert prices == {("steel", 1_000_000), ("titanium", 1_410_000)}


def test_a_new_collection_leaves_the_other_watches_as_they_were() -> None:
    newer = dataclasses.replace(COLLECTION, name="Susulan", since=date(2024, 1, 1))
    alone = generate((COLLECTION,))
    together = generate((newer, COLLECTION))
    assert together[: len(alone)] == alone
    assert len(together) == 2 * len(alone)

"""The seed catalogue: that it never changes by accident, and what it promises if it is meant to."""

import dataclasses
import re
from datetime import date
from hashlib import sha256

import pytest

from database.catalogue import CatalogueItem, create_catalogue
from database.catalogue.generate import generate
from database.catalogue.models import Collection, Text, Wear

CATALOGUE = create_catalogue()
# Changing any field of any watch changes this digest. If the change is meant, record the new one.
RECORDED_DIGEST = "c056a6c564f58ab645fc74c9baf32a6dc49dedc05adc5a66d2a56b3e3e812bc3"
METALS = {"rose": "gold", "white": "ceramic"}
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


def test_catalogue_is_the_recorded_one_field_by_field() -> None:
    rows = (repr(dataclasses.astuple(item)) for item in CATALOGUE)
    assert sha256("\n".join(rows).encode()).hexdigest() == RECORDED_DIGEST
    with pytest.raises(dataclasses.FrozenInstanceError):
        CATALOGUE[0].stock = 1  # type: ignore[misc]


def test_there_are_many_watches_of_some_brands_of_every_year_and_stock() -> None:
    stocks, releases = (
        [getattr(one, what) for one in CATALOGUE] for what in ("stock", "released_on")
    )
    assert len(CATALOGUE) >= 240
    assert 10 <= len({item.brand for item in CATALOGUE}) <= 14
    assert all(0 <= stock <= 120 for stock in stocks)
    assert 5 <= stocks.count(0) <= 25
    assert 5 <= sum(1 <= stock <= 3 for stock in stocks) <= 25
    assert releases == sorted(releases)  # a higher id is never older
    assert {release.year for release in releases} == set(range(2019, 2027))
    assert len(set(releases)) > len(releases) / 2


def test_each_watch_is_told_apart_by_id_slug_name_description_and_face() -> None:
    assert [item.product_id for item in CATALOGUE] == list(range(1, len(CATALOGUE) + 1))
    for share, values in (
        (1, [item.slug for item in CATALOGUE]),
        (1, [(item.brand, item.name) for item in CATALOGUE]),
        (1, [item.face for item in CATALOGUE]),
        (0.95, [item.description_id for item in CATALOGUE]),
        (0.95, [item.description_en for item in CATALOGUE]),
    ):
        assert len(set(values)) >= share * len(values)


@pytest.mark.parametrize("item", CATALOGUE, ids=lambda item: item.slug)
def test_a_watch_is_plausible_and_says_the_same_in_both_languages(item: CatalogueItem) -> None:
    assert re.fullmatch(rf"[a-z0-9]+(-[a-z0-9]+)*-{item.product_id}", item.slug)
    assert (len(item.slug) <= 100, len(item.name) <= 120, len(item.face) <= 200) == (True,) * 3
    assert 34 <= item.case_mm <= 45
    assert 450_000 <= item.price_idr <= 180_000_000
    assert item.price_idr % 1_000 == 0
    assert item.description_id != item.description_en
    for told in (item.description_id, item.description_en):
        assert 3 <= len(re.findall(r"[^.]\.(?= [A-Z]|$)", told)) <= 4
        assert "{" not in told
        assert told == told.strip()
        assert f"{item.case_mm} mm" in told
        assert f"{item.water_resistance_m} met" in told
    drawn = dict(part.split("=") for part in item.face.split(";"))
    assert METALS.get(drawn["case"], drawn["case"]) == item.case_material
    assert int(drawn["mm"]) == item.case_mm


CODES: dict[str, set[object]] = {
    "movement": {"automatic", "manual", "quartz", "solar", "chronograph"},
    "case_material": {"steel", "titanium", "bronze", "gold", "ceramic"},
    "strap": {
        *("leather", "steel_bracelet", "rubber", "nato", "mesh", "titanium_bracelet", "batik")
    },
    "water_resistance_m": {30, 50, 100, 200, 300},
}


@pytest.mark.parametrize(("field", "codes"), CODES.items())
def test_every_code_is_used_and_no_other(field: str, codes: set[object]) -> None:
    assert {getattr(item, field) for item in CATALOGUE} == codes


def test_each_dial_in_each_wear_is_one_watch_priced_by_case_and_strap() -> None:
    assert {
        (item.name, item.case_material, item.price_idr) for item in generate((COLLECTION,))
    } == {
        ("Contoh Putih, Kulit Cokelat Muda", "steel", 1_000_000),
        ("Contoh Hitam Pekat, Kulit Cokelat Muda", "steel", 1_000_000),
        ("Contoh Putih Titanium, Gelang Titanium", "titanium", 1_410_000),
        ("Contoh Hitam Pekat Titanium, Gelang Titanium", "titanium", 1_410_000),
    }


def test_a_new_collection_leaves_the_other_watches_as_they_were() -> None:
    newer = dataclasses.replace(COLLECTION, name="Susulan", since=date(2024, 1, 1))
    alone = generate((COLLECTION,))
    together = generate((newer, COLLECTION))
    assert together[: len(alone)] == alone
    assert len(together) == 2 * len(alone)

"""A drill restores into a database of its own and finds what does not add up."""

from pathlib import Path

import pytest
from sqlalchemy import text

from housekeeping.backups import drill, scratch_server
from tests.integration.housekeeping.shop import BOTH_PLACES, Shop
from tests.integration.housekeeping.test_backup import flip


def test_a_drill_restores_the_newest_backup_elsewhere_and_leaves_nothing(
    kept_shop: Shop, tmp_path: Path
) -> None:
    backup = kept_shop.backup()
    kept_shop.order()
    said = kept_shop.run("drill", "--work", str(tmp_path / "work"))
    assert (said["name"], said["faults"], said["contradictions"]) == (backup.name, [], [])
    assert kept_shop.orders() == 4
    assert list((tmp_path / "work").iterdir()) == []
    assert kept_shop.run("status")["newest"]["level"] == "drill"
    # Looking less far later does not take that away.
    kept_shop.run("verify")
    assert kept_shop.run("status")["newest"]["level"] == "drill"


CONTRADICTIONS = {
    "1 products whose stock is not the sum of their ledger": (
        "UPDATE products SET stock = stock + 1 WHERE product_id = 1",
        "UPDATE products SET stock = stock - 1 WHERE product_id = 1",
    ),
    "3 confirmed orders whose total is not that of their items": (
        "UPDATE orders SET total_idr = total_idr + 1",
        "UPDATE orders SET total_idr = total_idr - 1",
    ),
    "3 items of confirmed orders without their ledger row": (
        "UPDATE stock_ledger SET reason = 'x', order_id = NULL WHERE order_id IS NOT NULL",
        "SELECT 1",
    ),
    "3 orders without items": ("DELETE FROM order_items", "SELECT 1"),
    "3 orders that are both stored and purged": (
        "INSERT INTO purged_orders SELECT order_id, fingerprint, status, stored_at FROM orders",
        "SELECT 1",
    ),
}


def test_contradictions_of_each_kind_are_found(kept_shop: Shop) -> None:
    from housekeeping.backups.order_counts import find_contradictions

    url = kept_shop.engine.url.render_as_string(hide_password=False)
    for name, (spoil, mend) in CONTRADICTIONS.items():
        for statement, expected in ((spoil, True), (mend, None)):
            with kept_shop.engine.begin() as connection:
                connection.execute(text(statement))
            if expected:
                assert name in find_contradictions(url)


def test_a_backup_of_a_shop_that_does_not_add_up_fails_its_drill(
    kept_shop: Shop, tmp_path: Path
) -> None:
    with kept_shop.engine.begin() as connection:
        connection.execute(text("DELETE FROM order_items"))
    backup = kept_shop.backup()
    said = kept_shop.run("drill", "--work", str(tmp_path), code=1)
    assert "3 orders without items" in said["contradictions"]
    assert said["faults"] == []
    # The backup itself is what it says.
    assert kept_shop.backups()[-1].is_good
    assert backup.name == said["name"]


@BOTH_PLACES
def test_a_damaged_newest_backup_is_passed_over(kept_shop: Shop, tmp_path: Path) -> None:
    good, bad = kept_shop.backup(), kept_shop.backup()
    assert bad.manifest is not None
    flip(kept_shop.path(bad) / bad.manifest.database.name)
    assert kept_shop.run("drill", "--work", str(tmp_path))["name"] == good.name
    assert kept_shop.run("status", code=1)["newest"]["state"] == "damaged"


def test_a_server_that_is_not_there_is_one_sentence(
    kept_shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kept_shop.engine.dialect.name == "sqlite":
        return
    kept_shop.backup()
    monkeypatch.setattr(scratch_server, "find_program", lambda *_: None)
    complaint = kept_shop.run("drill", "--work", str(tmp_path), code=2)
    assert complaint.endswith("is not installed, and a drill needs one")


def test_what_a_killed_drill_left_is_removed_by_the_next(kept_shop: Shop, tmp_path: Path) -> None:
    kept_shop.backup()
    left = tmp_path / "work" / f"{drill._PREFIX}left"
    left.mkdir(parents=True)
    (left / "pid").write_text("1")
    kept_shop.run("drill", "--work", str(tmp_path / "work"))
    assert not left.exists()

"""A shop to be backed up: a database with orders, a queue, folders of its own, and the command."""

import json
import random
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, func, insert, select, update

from database.tables import order_items, orders, products, stock_ledger
from housekeeping.__main__ import main
from housekeeping.backups.store import Backup, Store, list_backups
from servicekit.database.engine import transaction

BOTH_PLACES = pytest.mark.parametrize("place", ["folder", "s3"], indirect=True)
# Whatever could be taken for the end of a text, of a row or of a statement.
AWKWARD = "'); DROP TABLE `orders`; -- \\' \"\\\n\r\0\x1a ),( é 😀 INSERT INTO `orders` VALUES ("


@dataclass
class Shop:
    """`folder` is where the backups lie, also those of a store that speaks S3."""

    engine: Engine
    queue: Redis
    store: Store
    folder: Path
    audit: Path
    capture: pytest.CaptureFixture[str]

    def order(self, quantity: int = 1) -> str:
        """One confirmed order, as the consumer stores it."""
        with transaction(self.engine) as connection:
            return store_order(connection, quantity)

    def orders(self) -> int:
        with self.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(orders)) or 0

    def run(self, *arguments: str, code: int = 0) -> Any:
        """Run a command with `--json`; returns what it says, or its complaint with code 2."""
        self.capture.readouterr()
        ended = main([*arguments, "--json"])
        printed = self.capture.readouterr()
        assert ended == code, printed.out + printed.err
        return printed.err.strip() if code == 2 else json.loads(printed.out)

    def backups(self) -> list[Backup]:
        return list_backups(self.store)

    def path(self, backup: Backup) -> Path:
        return self.folder / backup.name

    def backup(self) -> Backup:
        self.run("backup")
        return self.backups()[-1]


def store_order(connection: Any, quantity: int = 1, name: str = AWKWARD) -> str:
    order_id, now = str(uuid.uuid4()), datetime.now(UTC)
    product, price = connection.execute(
        select(products.c.product_id, products.c.price_idr)
        .where(products.c.stock >= quantity)
        .order_by(products.c.product_id)
        .offset(random.randrange(50))
        .limit(1)
    ).one()
    connection.execute(
        insert(orders).values(
            order_id=order_id,
            guest_id=str(uuid.uuid4()),
            fingerprint="f" * 64,
            status="confirmed",
            total_idr=price * quantity,
            customer_name=name,
            customer_email="sari@example.com",
            customer_address="Jl. Merdeka 1",
            accepted_at=now,
            stored_at=now,
        )
    )
    connection.execute(
        update(products)
        .where(products.c.product_id == product)
        .values(stock=products.c.stock - quantity)
    )
    line = {"order_id": order_id, "product_id": product}
    connection.execute(insert(order_items).values(**line, quantity=quantity, unit_price_idr=price))
    connection.execute(
        insert(stock_ledger).values(**line, change=-quantity, reason="order", created_at=now)
    )
    return order_id

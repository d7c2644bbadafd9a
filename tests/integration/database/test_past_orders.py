"""Invented products and orders: a shop of any size, that is one."""

import pytest
from sqlalchemy import Engine, func, select

from database.past_orders import BATCH, NoProducts, OrdersPresent, guest_of, insert_past_orders
from database.schema import upgrade
from database.seed import seed
from database.tables import orders, products
from housekeeping.backups.order_counts import find_contradictions
from services.consumer.orders import store_orders
from tests.integration.engines import opened
from tests.order_messages import make_order


def test_a_shop_of_any_size_adds_up_and_goes_on_where_it_was_ended(empty_url: str) -> None:
    with opened(empty_url) as engine:
        upgrade(engine)
        with pytest.raises(NoProducts):
            insert_past_orders(engine, BATCH)
        done: list[int] = []
        assert seed(engine, 2_500, done.append) == 2_500
        assert done == [2_000, 2_500]
        assert insert_past_orders(engine, BATCH) == BATCH
        assert insert_past_orders(engine, BATCH + 1, done.append) == BATCH
        assert done[2:] == [2 * BATCH]
        assert insert_past_orders(engine, 2 * BATCH) == 0
        with engine.connect() as connection:
            sizes = [
                connection.scalar(select(func.count()).select_from(table))
                for table in (products, orders)
            ]
            assert sizes == [2_500, 2 * BATCH]
            of_guest = select(func.count()).where(orders.c.guest_id == str(guest_of(7)))
            assert connection.scalar(of_guest) == 2
    assert find_contradictions(empty_url) == []


def test_a_shop_with_customers_gets_no_invented_orders(engine: Engine) -> None:
    store_orders(engine, [make_order({1: 1})])
    with pytest.raises(OrdersPresent):
        insert_past_orders(engine, BATCH)

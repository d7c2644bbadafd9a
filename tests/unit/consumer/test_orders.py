"""Any sequence of batches, single orders, redeliveries and reused keys, on real SQL."""

from tempfile import TemporaryDirectory
from typing import ClassVar
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import event, func, insert, select

from database.catalogue import create_catalogue
from database.seed import product_row
from database.tables import metadata, products, stock_ledger
from servicekit.database.engine import create_database_engine, transaction
from services.consumer.orders import Known, Outcome, store_order, store_orders
from tests.order_messages import make_order

wishes_of_guests = st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1)


class Shop(RuleBasedStateMachine):
    seeded: ClassVar[dict[int, int]] = {1: 30, 2: 5, 3: 0}

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.engine = create_database_engine(
            f"sqlite:///{self.folder.name}/shop.db",
            read_only=False,
            connections=1,
            statement_seconds=2,
        )
        # A crash of the machine is not what this is about.
        event.listen(self.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF"))
        metadata.create_all(self.engine)
        with transaction(self.engine) as connection:
            for item in create_catalogue()[:3]:
                product = product_row(item) | {"stock": self.seeded[item.product_id]}
                connection.execute(insert(products).values(product))
        self.known: dict[UUID, Outcome] = {}

    @rule(wishes=st.lists(wishes_of_guests, min_size=1))
    def deliver_together(self, wishes: list[dict[int, int]]) -> None:
        """The same wish twice is the same order: a redelivery."""
        batch = {repr(wish): make_order(wish, repr(wish)) for wish in wishes}
        self.remember(store_orders(self.engine, list(batch.values())))

    @rule(wish=wishes_of_guests)
    def deliver_alone(self, wish: dict[int, int]) -> None:
        self.remember([store_order(self.engine, make_order(wish, repr(wish)))])

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def reuse_a_key(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.known)))
        other = make_order({1: 1}, order_id=order_id, fingerprint="0" * 64)
        assert store_order(self.engine, other).known is Known.KEY_REUSE

    def remember(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            first = self.known.setdefault(outcome.message.order_id, outcome)
            assert outcome.known is (Known.NEW if first is outcome else Known.DUPLICATE)
            assert (outcome.status, outcome.reason) == (first.status, first.reason)

    @invariant()
    def stock_is_what_was_seeded_less_what_was_sold(self) -> None:
        change = func.sum(stock_ledger.c.change)
        with self.engine.connect() as connection:
            stocks = connection.execute(select(products.c.product_id, products.c.stock)).all()
            changes = connection.execute(
                select(stock_ledger.c.product_id, change).group_by(stock_ledger.c.product_id)
            )
            sold = {product_id: int(total) for product_id, total in changes}
        for product_id, stock in stocks:
            assert stock == self.seeded[product_id] + sold.get(product_id, 0) >= 0

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()


test_any_sequence_of_deliveries_keeps_the_books = Shop.TestCase
Shop.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)

"""Properties of the order's three forms and of the shop's arithmetic."""

import json
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from tempfile import TemporaryDirectory
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError
from sqlalchemy import event, func, insert, select

from contracts.orders import (
    MAX_LINES,
    MAX_PRODUCT_ID,
    MAX_QUANTITY,
    MAX_TOTAL_IDR,
    Customer,
    OrderLine,
    OrderMessage,
    OrderReason,
    OrderRequest,
    OrderStatus,
    OrderView,
    PendingOrder,
    order_id_for,
)
from contracts.products import MAX_PRICE_IDR
from contracts.text import shows_something, without_meaning
from database.catalogue import create_catalogue
from database.seed import product_row
from database.tables import metadata, products, stock_ledger
from servicekit.database.engine import create_database_engine, transaction
from services.consumer.decisions import Offer, decide, quantities_of
from services.consumer.orders import Known, Outcome, store_order, store_orders

# What a guest may type: any letter of any script, but no control characters.
typed = st.text(
    st.characters(exclude_categories=("Cc", "Co", "Cs", "Zl", "Zp")), min_size=1, max_size=100
).filter(lambda text: shows_something(text) and not without_meaning(text))
customers = st.builds(
    Customer,
    name=typed,
    email=st.sampled_from(["sari@example.com", "a.b+c@toko.co.id"]),
    address=typed,
)
lines = st.lists(
    st.builds(
        OrderLine,
        product_id=st.integers(1, MAX_PRODUCT_ID),
        quantity=st.integers(1, MAX_QUANTITY),
    ),
    min_size=1,
    max_size=MAX_LINES,
    unique_by=lambda line: line.product_id,
).map(tuple)
requests = st.builds(
    OrderRequest,
    items=lines,
    customer=customers,
    expected_total_idr=st.none() | st.integers(0, MAX_TOTAL_IDR),
)
times = st.datetimes(
    min_value=datetime(1971, 1, 1),
    max_value=datetime(9998, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(timedelta(hours=-11))]),
)
messages = st.builds(
    lambda request, guest_id, key, accepted_at: OrderMessage(
        order_id=order_id_for(guest_id, key),
        guest_id=guest_id,
        fingerprint=request.fingerprint(),
        items=request.items,
        customer=request.customer,
        expected_total_idr=request.expected_total_idr,
        accepted_at=accepted_at,
    ),
    requests,
    st.uuids(),
    typed,
    times,
)


@given(messages)
def test_a_message_comes_out_of_the_stream_as_it_went_in(message: OrderMessage) -> None:
    again = OrderMessage.model_validate_json(message.model_dump_json())
    assert again == message
    assert again.model_dump_json() == message.model_dump_json()


@given(messages)
def test_a_pending_order_is_shown_as_it_was_accepted(message: OrderMessage) -> None:
    held = OrderReason.HELD
    pending = PendingOrder(reason=held, items=message.items, accepted_at=message.accepted_at)
    later_version = {**pending.model_dump(mode="json"), "gift_wrap": True}
    read = PendingOrder.model_validate_json(json.dumps(later_version))
    view = OrderView.from_pending(str(message.order_id), read)
    assert (view.status, view.reason) == (OrderStatus.ACCEPTED, held)
    assert view.created_at == message.accepted_at
    assert view.total_idr is None
    assert [(line.product_id, line.quantity) for line in view.items] == [
        (line.product_id, line.quantity) for line in message.items
    ]


@given(requests, st.randoms(use_true_random=False))
def test_the_fingerprint_ignores_the_order_of_lines_and_fields(
    request: OrderRequest, random: Random
) -> None:
    body = json.loads(request.model_dump_json())
    random.shuffle(body["items"])
    items = list(body.items())
    random.shuffle(items)
    body = dict(items)
    if body["expected_total_idr"] is None:
        del body["expected_total_idr"]  # absent and null are the same
    assert OrderRequest.model_validate(body).fingerprint() == request.fingerprint()


@given(requests)
def test_the_fingerprint_tells_other_orders_apart(request: OrderRequest) -> None:
    first, *rest = request.items
    more = first.model_copy(update={"quantity": first.quantity % MAX_QUANTITY + 1})
    for changed in (
        {"items": (more, *rest)},
        {"customer": request.customer.model_copy(update={"email": "other@example.com"})},
        {"expected_total_idr": (request.expected_total_idr or 0) + 1},
    ):
        assert request.model_copy(update=changed).fingerprint() != request.fingerprint()


@given(st.uuids(), st.uuids(), typed, typed)
def test_an_order_id_follows_from_guest_and_key(
    guest: UUID, other_guest: UUID, key: str, other_key: str
) -> None:
    assert order_id_for(guest, key) == order_id_for(guest, key)
    assert order_id_for(guest, key).version == 5
    assert (order_id_for(guest, key) == order_id_for(other_guest, key)) == (guest == other_guest)
    assert (order_id_for(guest, key) == order_id_for(guest, other_key)) == (key == other_key)


@pytest.mark.parametrize("quantity", [0, -1, MAX_QUANTITY + 1, True, "1", 1.0, None])
def test_a_quantity_is_a_whole_number_within_bounds(quantity: object) -> None:
    with pytest.raises(ValidationError):
        OrderLine.model_validate({"product_id": 1, "quantity": quantity})


def some_order(items: dict[int, int], expected_total_idr: int | None = None) -> OrderMessage:
    request = OrderRequest(
        items=tuple(OrderLine(product_id=p, quantity=n) for p, n in items.items()),
        customer=Customer(name="Sari", email="sari@example.com", address="Jl. Merdeka 1"),
        expected_total_idr=expected_total_idr,
    )
    return OrderMessage(
        order_id=order_id_for(UUID(int=1), repr(items)),
        guest_id=UUID(int=1),
        fingerprint=request.fingerprint(),
        items=request.items,
        customer=request.customer,
        expected_total_idr=expected_total_idr,
        accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


wanted = st.dictionaries(st.integers(1, 6), st.integers(1, MAX_QUANTITY), min_size=1)
offered = st.dictionaries(
    st.integers(1, 5), st.builds(Offer, st.integers(0, 10**12), st.integers(0, 200)), min_size=1
)


@given(st.lists(wanted, max_size=20), offered)
def test_a_batch_takes_no_more_than_there_is_and_each_order_all_or_nothing(
    wishes: list[dict[int, int]], offers: dict[int, Offer]
) -> None:
    decisions = decide([some_order(wish) for wish in wishes], offers)
    assert len(decisions) == len(wishes)
    taken = quantities_of(decisions)
    assert list(taken) == sorted(taken)
    for product_id, quantity in taken.items():
        assert 0 < quantity <= offers[product_id].stock
    for decision in decisions:
        if decision.status is OrderStatus.CONFIRMED:
            assert decision.reason is None
            assert decision.total_idr == sum(
                decision.unit_prices[line.product_id] * line.quantity
                for line in decision.message.items
            )
            assert decision.total_idr >= 0
        else:
            assert decision.reason is not None
            assert decision.total_idr is None
            assert decision.unit_prices == {}


@given(st.lists(wanted, max_size=20), offered)
def test_an_order_is_refused_only_for_what_is_true_of_it(
    wishes: list[dict[int, int]], offers: dict[int, Offer]
) -> None:
    left = {product_id: offer.stock for product_id, offer in offers.items()}
    for decision in decide([some_order(wish) for wish in wishes], offers):
        wish = {line.product_id: line.quantity for line in decision.message.items}
        if not wish.keys() <= offers.keys():
            assert decision.reason is OrderReason.UNKNOWN_PRODUCT
        elif any(left[product_id] < quantity for product_id, quantity in wish.items()):
            assert decision.reason is OrderReason.OUT_OF_STOCK
        else:
            assert decision.status is OrderStatus.CONFIRMED
            for product_id, quantity in wish.items():
                left[product_id] -= quantity


@given(wanted, offered, st.integers(-2, 2))
def test_a_total_that_differs_by_one_rupiah_is_another_price(
    wish: dict[int, int], offers: dict[int, Offer], difference: int
) -> None:
    plenty = {p: Offer(offers[p].price_idr if p in offers else 7, 10**6) for p in range(1, 7)}
    total = sum(plenty[p].price_idr * n for p, n in wish.items())
    expected = max(0, total + difference)
    (decision,) = decide([some_order(wish, expected)], plenty)
    if expected == total:
        assert decision.status is OrderStatus.CONFIRMED
    else:
        assert decision.reason is OrderReason.PRICE_CHANGED


def test_the_total_of_an_order_can_be_stored_and_read_by_every_program() -> None:
    """The dearest order of the dearest watch that can be searched for; RFC 8259 §6 calls whole
    numbers interoperable up to 2**53."""
    offers = {n: Offer(MAX_PRICE_IDR, MAX_QUANTITY) for n in range(1, MAX_LINES + 1)}
    (decision,) = decide([some_order(dict.fromkeys(offers, MAX_QUANTITY))], offers)
    assert decision.total_idr is not None
    assert MAX_TOTAL_IDR < decision.total_idr < 2**53


class Shop(RuleBasedStateMachine):
    """Any sequence of batches, single orders, redeliveries and reused keys, on real SQL."""

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

    @rule(wishes=st.lists(st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1)))
    def deliver_together(self, wishes: list[dict[int, int]]) -> None:
        """The same wish twice is the same order: a redelivery."""
        batch = {order.order_id: order for order in map(some_order, wishes)}
        if batch:
            self.remember(store_orders(self.engine, list(batch.values())))

    @rule(wish=st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1))
    def deliver_alone(self, wish: dict[int, int]) -> None:
        self.remember([store_order(self.engine, some_order(wish))])

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def reuse_a_key(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(self.known)))
        other = some_order({1: 1}).model_copy(
            update={"order_id": order_id, "fingerprint": "0" * 64}
        )
        assert store_order(self.engine, other).known is Known.KEY_REUSE

    def remember(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            first = self.known.setdefault(outcome.message.order_id, outcome)
            assert outcome.known is (Known.NEW if first is outcome else Known.DUPLICATE)
            assert (outcome.status, outcome.reason) == (first.status, first.reason)

    @invariant()
    def stock_is_what_was_seeded_less_what_was_sold(self) -> None:
        with self.engine.connect() as connection:
            stocks = connection.execute(select(products.c.product_id, products.c.stock)).all()
            changes = connection.execute(
                select(stock_ledger.c.product_id, func.sum(stock_ledger.c.change)).group_by(
                    stock_ledger.c.product_id
                )
            ).all()
        sold = {product_id: int(change) for product_id, change in changes}
        for product_id, stock in stocks:
            assert stock == self.seeded[product_id] + sold.get(product_id, 0) >= 0

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()


test_any_sequence_of_deliveries_keeps_the_books = Shop.TestCase
Shop.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)

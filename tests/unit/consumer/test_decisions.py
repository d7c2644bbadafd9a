"""The shop's arithmetic: no more than there is, all or nothing, at the price that was shown."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import (
    MAX_LINES,
    MAX_QUANTITY,
    MAX_TOTAL_IDR,
    OrderLine,
    OrderMessage,
    OrderReason,
    OrderStatus,
)
from contracts.products import MAX_PRICE_IDR
from services.consumer.decisions import Offer, decide, quantities_of
from tests.order_messages import make_order

ORDER = make_order({1: 1})
# What an order wants of some product, known or not; by how much its guest errs in the total.
wanted = st.dictionaries(st.integers(1, 6), st.integers(1, MAX_QUANTITY), min_size=1)
orders = st.lists(st.tuples(wanted, st.none() | st.integers(-1, 1)), max_size=8)
offered = st.dictionaries(
    st.integers(1, 5), st.builds(Offer, st.integers(1, 10**12), st.integers(0, 200)), min_size=1
)


def total_of(wish: dict[int, int], offers: dict[int, Offer]) -> int:
    return sum(offers[product].price_idr * n for product, n in wish.items() if product in offers)


def order_for(wish: dict[int, int], error: int | None, offers: dict[int, Offer]) -> OrderMessage:
    expected = None if error is None else max(0, total_of(wish, offers) + error)
    lines = tuple(OrderLine(product_id=product, quantity=n) for product, n in wish.items())
    return ORDER.model_copy(update={"items": lines, "expected_total_idr": expected})


@given(orders, offered)
def test_an_order_is_refused_only_for_what_is_true_of_it_and_takes_all_or_nothing(
    wishes: list[tuple[dict[int, int], int | None]], offers: dict[int, Offer]
) -> None:
    left = {product: offer.stock for product, offer in offers.items()}
    decisions = decide([order_for(*wish, offers) for wish in wishes], offers)
    for (wish, error), decision in zip(wishes, decisions, strict=True):
        if not wish.keys() <= offers.keys():
            assert decision.reason is OrderReason.UNKNOWN_PRODUCT
        elif error:
            assert decision.reason is OrderReason.PRICE_CHANGED
        elif any(left[product] < n for product, n in wish.items()):
            assert decision.reason is OrderReason.OUT_OF_STOCK
        else:
            assert (decision.status, decision.reason) == (OrderStatus.CONFIRMED, None)
            assert decision.total_idr == total_of(wish, offers)
            assert decision.unit_prices == {p: offers[p].price_idr for p in wish}
            left = {product: n - wish.get(product, 0) for product, n in left.items()}
            continue
        assert decision.status is OrderStatus.REJECTED
        assert (decision.total_idr, decision.unit_prices) == (None, {})
    taken = quantities_of(decisions)
    assert list(taken) == sorted(taken)
    assert taken == {p: offers[p].stock - n for p, n in left.items() if n < offers[p].stock}


def test_the_total_of_an_order_can_be_stored_and_read_by_every_program() -> None:
    """The dearest order of the dearest watch that can be searched for; RFC 8259 §6 calls whole
    numbers interoperable up to 2**53."""
    offers = {n: Offer(MAX_PRICE_IDR, MAX_QUANTITY) for n in range(1, MAX_LINES + 1)}
    (decision,) = decide([make_order(dict.fromkeys(offers, MAX_QUANTITY))], offers)
    assert decision.total_idr is not None
    assert MAX_TOTAL_IDR < decision.total_idr < 2**53

"""What a run under pressure says of its seconds, orders and scenarios."""

import sqlite3
from pathlib import Path

import pytest

from benchmarks.pressure.capacity import Capacity
from benchmarks.pressure.mix import SHARES, Mix
from benchmarks.pressure.orders import Books, Order
from benchmarks.pressure.phase import Outcome as Played
from benchmarks.pressure.phase import Phase
from benchmarks.pressure.samples import Outcome, Sample, seconds_to_normal, summarize, timeline
from benchmarks.pressure.scenarios import Scenario, overload
from benchmarks.pressure.verdict import failures
from benchmarks.pressure.work import work_of
from loadtest.answers import Watch

WATCHES = [Watch(1, "a-1", "Seiko", 100), Watch(2, "b-2", "Casio", 200)]


def sample(at: float, outcome: Outcome = Outcome.ADMITTED, seconds: float = 0.01) -> Sample:
    return Sample("product", at, seconds, 0.0, outcome, 200)


def test_what_was_admitted_too_late_is_no_good_answer() -> None:
    found = summarize(
        [sample(0), sample(0.1, seconds=1.5), sample(0.2, Outcome.SHED, 0.002)], seconds=0.5
    )
    assert (found.offered, found.good, found.per_second(Outcome.ADMITTED)) == (3, 1, 4)
    assert (found.admitted_p99, found.refused_p99) == (0.01, 0.002)


@pytest.mark.parametrize(("bad_until", "normal"), [(0, 0.0), (2.5, 3.0), (9.5, None), (20, None)])
def test_normal_is_three_good_seconds_in_a_row(bad_until: float, normal: float | None) -> None:
    times = [50 + tenth / 10 for tenth in range(120)]
    samples = [
        sample(at, Outcome.FAILED if at < 50 + bad_until else Outcome.ADMITTED) for at in times
    ]
    # One good second among bad ones is not the end of them.
    samples += [sample(50.5)] * 1000 if bad_until == 2.5 else []
    assert seconds_to_normal(samples, 50, 62, share=0.95) == normal


def test_a_second_without_any_request_is_not_normal() -> None:
    assert seconds_to_normal([sample(50), sample(51)], 50, 60, share=0.5) is None


def test_seconds_are_told_by_group_and_together() -> None:
    rows = timeline([sample(7.2), sample(8.3, Outcome.SHED)], 7, lambda _: "reads")
    assert [(row["second"], row["group"], row["offered"], row["good"]) for row in rows] == [
        (0, "all", 1, 1),
        (0, "reads", 1, 1),
        (1, "all", 1, 0),
        (1, "reads", 1, 0),
    ]


def test_every_order_has_a_key_and_an_address_of_its_own_and_new_guests_order_first() -> None:
    mix = Mix("shop:80", WATCHES, seed=3)
    assert mix.next("p", "order").order is None  # nobody is there yet
    for number in range(40):
        mix.meet(f"guest={number}")
    asked = [mix.next("p") for _ in range(400)]
    orders = [ask for ask in asked if ask.order is not None]
    assert 60 < len(orders) < 140
    assert {ask.kind for ask in asked} <= SHARES.keys()
    raw = [ask.raw.decode() for ask in orders]
    heads = [dict(line.split(": ") for line in one.split("\r\n")[1:-2]) for one in raw]
    assert len({head["Idempotency-Key"] for head in heads}) == len(orders)
    assert len({ask.order.email for ask in orders if ask.order}) == len(orders)
    assert [head["Cookie"] for head in heads[:40]] == [f"guest={n}" for n in range(40)]


class Case:
    """An order that was told these statuses and ids, and has so many rows."""

    def __init__(self, rows: int, statuses: list[int], ids: set[str]) -> None:
        self.rows, self.statuses, self.ids = rows, statuses, ids


@pytest.mark.parametrize(
    ("case", "acknowledged", "unacknowledged", "doubled", "lost"),
    [
        (Case(1, [202], {"a"}), 1, 0, 0, 0),
        (Case(0, [202], {"a"}), 1, 0, 0, 1),
        (Case(2, [202], {"a"}), 1, 0, 1, 0),
        (Case(1, [504, 202, 202], {"a", "b"}), 1, 0, 1, 0),
        (Case(1, [504], set()), 0, 1, 0, 0),
        (Case(0, [503], set()), 0, 0, 0, 0),
    ],
)
def test_books_tell_lost_doubled_and_unasked_orders(
    tmp_path: Path, case: Case, acknowledged: int, unacknowledged: int, doubled: int, lost: int
) -> None:
    with sqlite3.connect(tmp_path / "db") as rows:
        rows.execute("CREATE TABLE orders (customer_email TEXT)")
        rows.executemany("INSERT INTO orders VALUES (?)", [("x@example.com",)] * case.rows)
    books = Books(tmp_path / "db")
    books.orders = [Order("x@example.com", b"", "p", statuses=case.statuses, ids=case.ids)]
    found = books.accounts("p")
    assert (found.acknowledged, found.stored_unacknowledged) == (acknowledged, unacknowledged)
    assert (found.doubled, found.lost) == (doubled, lost)


def phase(scenario: Scenario, *outcomes: Outcome, seconds: float = 0.01) -> Phase:
    """Ten seconds of these, one after the other, and ten of good answers, of a shop that can do 50
    a second of any mix."""
    one = Phase(scenario, 100, 0, 0, 10, 20)
    one.before = one.after = one.of_admitted = Capacity({8: 50.0})
    during = [outcomes[n % len(outcomes)] for n in range(1000)]
    one.samples = [sample(n / 100, outcome, seconds) for n, outcome in enumerate(during)]
    one.samples += [sample(10 + n / 100) for n in range(1000)]
    return one


GOOD, SHED = Outcome.ADMITTED, Outcome.SHED


def test_the_verdict_names_what_did_not_hold() -> None:
    assert failures(phase(overload(2, 0.9, 10), GOOD, SHED)) == []
    assert failures(phase(overload(2, 0.9, 10), GOOD, SHED, SHED)) == ["goodput 67% < 90%"]
    slow = failures(phase(overload(2, 0.9, 10), GOOD, SHED, seconds=0.9))
    assert slow == ["p99 refused 0.90 s"]
    fault = Scenario("f", 10, spared=frozenset({"reads"}))
    assert failures(phase(fault, GOOD)) == []
    assert failures(phase(fault, *[GOOD] * 9, SHED)) == ["reads 90% good"]
    for outcome in (Outcome.BROKEN, Outcome.LEFT, Outcome.UNSENT):
        found = failures(phase(overload(2, 0, 10), *[GOOD] * 99, outcome))
        assert found == [f"10 {outcome}"]


def test_goodput_is_judged_by_the_mix_that_was_admitted_and_told_by_the_one_that_was_offered() -> (
    None
):
    one = phase(overload(5, 0.8, 10), GOOD, SHED, SHED)
    one.before, one.after = Capacity({8: 40.0, 16: 60.0}), Capacity({8: 90.0, 16: 80.0})
    one.of_admitted = Capacity({8: 40.0})
    assert one.admitted_mix() == {"product": 334}
    assert (one.goodput_of_offered(), one.goodput()) == pytest.approx((33.4 / 75, 33.4 / 40))
    assert failures(one) == []
    one.of_admitted = Capacity({8: 50.0})
    assert failures(one) == ["goodput 67% < 80%"]
    nothing = phase(overload(5, 0.8, 10), SHED)
    nothing.of_admitted = None
    assert "goodput 0% < 80%" in failures(nothing)


def test_work_is_told_for_each_good_answer_of_the_line_and_of_its_capacities() -> None:
    line = phase(overload(2, 0.9, 10), GOOD, SHED)
    line.cores = [{"frontend": 1.0, "generator": 0.5}] * 20
    line.after = line.of_admitted = Capacity({8: 50.0}, good=100, cpu_seconds={"frontend": 0.1})
    fault = phase(Scenario("f", 10), GOOD)
    found = work_of(Played(Capacity({8: 1.0}), [line, fault]))
    told = [(row.name, row.per_answer_ms()) for row in found]
    assert told[0] == ("overload 2x", {"frontend": 20.0, "generator": 10.0}), (
        "none was counted before"
    )
    assert told[1:] == [
        ("capacity, admitted mix", {"frontend": 1.0}),
        ("capacity", {"frontend": 1.0}),
    ]


def test_looks_at_orders_are_asked_for_once_there_are_orders() -> None:
    mix = Mix("shop:80", WATCHES, seed=3)
    mix.meet("guest=1")
    assert mix.next("p", "order status").kind == "product"
    mix.accepted("guest=1", "some-id")
    asked = mix.next("p", shares={"order status": 1})
    assert asked.kind == "order status"
    assert asked.raw.startswith(b"GET /api/orders/some-id HTTP/1.1\r\n")
    assert b"Cookie: guest=1\r\n" in asked.raw

"""Both sides of a pair are measured alike, and compared as ratios."""

import os

import pytest

from benchmarks.cores import cpu_seconds
from benchmarks.ratios import Load, Pair, Rates, Spread, compare, spread_of, tails


class Named:
    """A side of one name and rate, which notes when it is measured."""

    def __init__(self, name: str, rate: float, order: list[str]) -> None:
        self._name, self._rate, self._order = name, rate, order

    def rates(self, _load: Load) -> Rates:
        self._order.append(self._name)
        cpu = 2 * self._rate if self._name in "ab" else None
        return Rates(self._rate, cpu, tail=self._rate)


def test_pairs_are_interleaved_and_take_turns_in_going_first() -> None:
    order: list[str] = []
    rates = {"a": 50.0, "b": 100.0, "c": 30.0, "d": 10.0}
    sides = {name: Named(name, rate, order) for name, rate in rates.items()}
    pairs = [Pair(f"{x}/{y}", "", sides[x], sides[y]) for x, y in ("ab", "cd")]
    results = compare(pairs, Load(1, 1), 2, lambda _: None)
    assert "".join(order) == "abcd" + "abcd" + "badc"
    assert [result.ratios for result in results] == [
        (Rates(0.5, 0.5), Rates(0.5, 0.5)),
        (Rates(3.0, None), Rates(3.0, None)),
    ]
    order.clear()
    found = tails({"c": sides["c"], "d": sides["d"]}, Load(1, 1), 2, lambda _: None)
    assert (found["c"].median, "".join(order)) == (30.0, "cd" * 3)


def test_spread_is_the_distance_of_the_extremes_from_the_median() -> None:
    spread = spread_of([1.0, None, 3.0, 2.0])
    assert spread == Spread(median=2.0, least=1.0, most=3.0)
    assert spread.width == 1.0
    assert spread_of([None]) is None


def test_the_work_of_a_process_is_seen() -> None:
    before = cpu_seconds([os.getpid()])
    if before is None:
        pytest.skip("no /proc on this system")
    while (after := cpu_seconds([os.getpid()])) == before:
        sum(range(100_000))
    assert after is not None
    assert before < after <= sum(os.times()[:2]) + 0.1

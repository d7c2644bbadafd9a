"""What is tried, in this order, and what must hold of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.pressure.faults import Faults

Inject = Callable[[Faults], None]
_ALL = frozenset({"pages", "reads", "orders"})


@dataclass(frozen=True)
class Scenario:
    """Load for `seconds` with the fault, or at `times` the capacity; then as before. `spared` are
    the groups of requests that a fault must not touch."""

    name: str
    seconds: float
    times: float = 0.0
    inject: Inject | None = None
    spared: frozenset[str] = frozenset()
    # Of the capacity.
    least_goodput: float = 0.0
    # Whether it is part of the short form.
    is_short: bool = False


def overload(times: float, least_goodput: float, seconds: float) -> Scenario:
    return Scenario(
        f"overload {times:g}x", seconds, times, least_goodput=least_goodput, is_short=True
    )


@dataclass(frozen=True)
class Times:
    """Seconds: of each kind of scenario, of usual load before and after it, and of each step of
    the search for the capacity."""

    step: float = 15.0
    freeze: float = 20.0
    fault: float = 8.0
    before: float = 3.0
    after: float = 13.0
    closed: float = 4.0


WHOLE = Times()
SHORT = Times(step=8, freeze=6, fault=5, before=2, after=8, closed=0.5)


def scenarios(times: Times) -> list[Scenario]:
    # Overloads first: what their capacity is compared with is measured directly before.
    found = [
        overload(2, 0.9, times.step),
        overload(5, 0.8, times.step),
        _freeze("publisher", times.freeze, {"pages", "reads"}, is_short=True),
        _freeze("service-http", times.freeze, {"orders"}),
        _freeze("api-gw", times.freeze, set()),
    ]
    for service, spared in (("service-http", {"orders"}), ("publisher", {"pages", "reads"})):
        for name, mode, argument in (
            ("slow by 2 s", "slow", 2.0),
            ("half-open", "silent", 0.0),
            ("black hole", "black-hole", 0.0),
            ("dead port", "refuse", 0.0),
        ):
            found.append(_network(service, name, mode, argument, times.fault, spared))
    found.append(
        Scenario(
            "publisher: name and port gone", times.fault, inject=_gone, spared=frozenset(spared)
        )
    )
    found.append(_network("publisher", "answers lost", "swallow", 0.0, times.fault, spared))
    found.append(_network("api-gw", "black hole", "black-hole", 0.0, times.fault, set()))
    return found


def _freeze(service: str, seconds: float, spared: set[str], is_short: bool = False) -> Scenario:
    return Scenario(
        f"{service}: frozen",
        seconds,
        inject=lambda faults: faults.freeze(service),
        spared=frozenset(spared),
        is_short=is_short,
    )


def _network(
    service: str, name: str, mode: str, argument: float, seconds: float, spared: set[str]
) -> Scenario:
    return Scenario(
        f"{service}: {name}",
        seconds,
        inject=lambda faults: faults.network(service, mode, argument),
        spared=frozenset(spared),
        is_short=(service, mode) == ("service-http", "black-hole"),
    )


def _gone(faults: Faults) -> None:
    """As a container that was stopped: nobody listens, and its name is unknown."""
    faults.lose_name()
    faults.network("publisher", "refuse")


def chosen(all_of_them: Sequence[Scenario], words: Sequence[str]) -> list[Scenario]:
    """Those whose names have one of the words in them."""
    return [one for one in all_of_them if any(word in one.name for word in words)]

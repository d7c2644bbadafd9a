"""The request path in pairs, each measured side by side and interleaved, as ratios."""

import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks.closed_loop import LoadFailed, Target, measure
from benchmarks.cores import cpu_seconds, pin, two_cores
from benchmarks.processes import Shop, module, shop
from local.free_port import free_port

CHAIN = ("frontend", "api-gw", "service-http")
BACKING = ("queue-redis", "cache-redis", "telemetry")


@dataclass(frozen=True)
class Pair:
    """Two targets; the ratio is the rate of `one` divided by that of `other`."""

    name: str
    title: str
    one: Target
    other: Target


@dataclass(frozen=True)
class Rates:
    """Of one measurement. On a machine that others use as well, the time that they take makes the
    first swing, and the second hardly."""

    per_second: float
    per_cpu_second: float | None

    def __truediv__(self, other: "Rates") -> "Rates":
        if self.per_cpu_second is None or other.per_cpu_second is None:
            return Rates(self.per_second / other.per_second, None)
        return Rates(self.per_second / other.per_second, self.per_cpu_second / other.per_cpu_second)


@dataclass(frozen=True)
class Load:
    connections: int
    seconds: float

    def rates(self, target: Target) -> Rates:
        before = cpu_seconds(target.pids)
        found = measure(target, connections=self.connections, seconds=self.seconds)
        after = cpu_seconds(target.pids)
        per_second = found.answers / found.seconds
        if before is None or after is None or before == after:
            return Rates(per_second, None)
        return Rates(per_second, found.answers / (after - before))


@dataclass(frozen=True)
class Result:
    """The ratios of one pair, one per round."""

    pair: Pair
    ratios: tuple[Rates, ...]


@dataclass(frozen=True)
class Spread:
    """The middle and the extremes of some ratios."""

    median: float
    least: float
    most: float

    @property
    def width(self) -> float:
        """Between the extremes, in relation to the median."""
        return (self.most - self.least) / self.median


def spread_of(ratios: Iterable[float | None]) -> Spread | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def compare(
    pairs: list[Pair], load: Load, rounds: int, progress: Callable[[str], None]
) -> list[Result]:
    """Rounds of all pairs, so that a slow minute of the machine meets all of them; which side of
    a pair goes first alternates."""
    ratios: dict[str, list[Rates]] = {pair.name: [] for pair in pairs}
    for pair in pairs:
        progress(f"warming up: {pair.title}")
        for target in (pair.one, pair.other):
            load.rates(target)
    for number in range(1, rounds + 1):
        for pair in pairs:
            ratios[pair.name].append(_ratio(pair, load, swapped=number % 2 == 0))
        latest = "   ".join(f"{name} {found[-1].per_second:.2f}" for name, found in ratios.items())
        progress(f"round {number} of {rounds}:   {latest}")
    return [Result(pair, tuple(ratios[pair.name])) for pair in pairs]


def _ratio(pair: Pair, load: Load, swapped: bool) -> Rates:
    if swapped:
        other = load.rates(pair.other)
        return load.rates(pair.one) / other
    return load.rates(pair.one) / load.rates(pair.other)


@contextmanager
def opened_pairs(folder: Path, progress: Callable[[str], None]) -> Iterator[list[Pair]]:
    """Everything started and pinned, until the end of the block."""
    with ExitStack() as stack:
        progress("starting a gateway alone, a plain FastAPI and what stands behind")
        hop = _hop(stack, folder)
        progress("starting a shop without telemetry")
        quiet = stack.enter_context(shop(folder / "quiet", "--no-telemetry"))
        progress("starting a shop with telemetry")
        telling = stack.enter_context(shop(folder / "telling"))
        for one in (quiet, telling):
            _share_cores(one)
        chain, alone = _through_frontend(quiet), _product_of(quiet, "service-http")
        yield [
            hop,
            Pair("chain", "frontend → api-gw → service-http / service-http alone", chain, alone),
            Pair(
                "telemetry",
                "the chain with telemetry on / off",
                _through_frontend(telling),
                chain,
            ),
        ]


def _hop(stack: ExitStack, folder: Path) -> Pair:
    upstream, gateway, plain = free_port(), free_port(), free_port()
    behind = f"http://127.0.0.1:{upstream}"
    target = Target(f"http://127.0.0.1:{gateway}/api/products/1")
    other = Target(f"http://127.0.0.1:{plain}/")
    urls = {"SERVICE_HTTP_URL": behind, "PUBLISHER_URL": behind, "PORT": str(gateway)}
    pids = [
        stack.enter_context(module(name, folder, arguments, environment, ready_url=ready_url))
        for name, arguments, environment, ready_url in (
            ("benchmarks.upstream", [str(upstream)], {}, f"{behind}/"),
            ("services.api_gw", [], urls, target.url),
            ("benchmarks.hello", [str(plain)], {}, other.url),
        )
    ]
    if cores := two_cores():
        for pid, core in zip(pids, (cores[1], cores[0], cores[0]), strict=True):
            pin(pid, core)
    return Pair(
        "hop",
        "api-gw / plain FastAPI hello",
        replace(target, pids=(pids[1],)),
        replace(other, pids=(pids[2],)),
    )


def _share_cores(running: Shop) -> None:
    if cores := two_cores():
        for name, pid in running.pids().items():
            pin(pid, cores[1] if name in BACKING else cores[0])


def _product_of(running: Shop, service: str, headers: dict[str, str] | None = None) -> Target:
    page = httpx.get(f"{running.url(service)}/api/products", params={"page_size": 1}, timeout=30)
    if not page.is_success:
        raise LoadFailed(f"{page.url} answered {page.status_code}")
    product_id = page.json()["items"][0]["product_id"]
    pids = running.pids()
    return Target(
        f"{running.url(service)}/api/products/{product_id}",
        headers or {},
        tuple(pids[name] for name in (CHAIN if service == CHAIN[0] else (service,))),
    )


def _through_frontend(running: Shop) -> Target:
    """As a guest who comes back: with the cookie, which costs more to make than to check."""
    answer = httpx.get(f"{running.url('frontend')}/api/brands", timeout=30)
    cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
    return _product_of(running, "frontend", {"Cookie": cookie})

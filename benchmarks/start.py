"""`python -m benchmarks.start [--against <commit>]`: what it costs to start the shop: CPU and
memory of each service until the shop is ready, the time of `make run`, and what the first requests
take in each service."""

import argparse
import http.client
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import redis

from benchmarks.checkouts import HERE, Checkout, NoCheckout, checked_out
from benchmarks.cores import cpu_seconds, exact_cpu_seconds
from benchmarks.order_path import new_order, until_empty
from benchmarks.processes import Shop, StartFailed, shop
from benchmarks.ratios import spread_of
from benchmarks.running import progress_since_now
from contracts.services import SERVICE_NAMES
from database.catalogue import create_catalogue

READY = "make run, seconds to ready"
# What is asked of each service once it is ready, never the same twice, so that a first answer has
# to be found like the others. Behind one service comes first what it asks.
_FIRST = {
    "service-http": ("/api/products/{n}", "/api/products?max_price={price}", "/api/orders"),
    "api-gw": ("/api/products/{n}", "/api/products?max_price={price}"),
    "frontend": ("/?max_price={price}", "/?q=batik&max_price={price}", "/products/{slug}", "/cart"),
}
_ORDER = "POST /api/orders"
_REQUESTS = 50

# Figure → value, of one start.
Figures = Mapping[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", metavar="COMMIT", help="start this commit as well, in turn")
    options = parser.parse_args()
    progress = progress_since_now()

    try:
        with TemporaryDirectory(prefix="arloji-start-") as name, ExitStack() as stack:
            folder, sides = Path(name), [HERE]
            if options.against:
                sides.append(stack.enter_context(checked_out(options.against, folder, progress)))
            print(table(measure(sides, options.rounds, folder, progress), sides))
    except (StartFailed, NoCheckout) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def measure(
    sides: Sequence[Checkout], rounds: int, folder: Path, progress: Callable[[str], None]
) -> list[list[Figures]]:
    """Of each side the figures of every round; one more, which compiles what Python keeps
    compiled, is left out."""
    found: list[list[Figures]] = [[] for _ in sides]
    for number in range(rounds + 1):
        progress(f"round {number} of {rounds}" if number else "starting once, to warm up")
        for side, figures in zip(sides, found, strict=True):
            with shop(folder / f"{side.name}-{number}".replace(" ", "-"), checkout=side) as running:
                started = start_figures(running)
            if number:
                figures.append(started)
    return found


def start_figures(running: Shop) -> Figures:
    """Of a shop that has just become ready."""
    pids = running.pids()
    cpu = {f"{name}: CPU to ready, ms": _milliseconds(pids[name]) for name in SERVICE_NAMES}
    memory = _memory("memory when ready", pids)
    firsts = dict(_first_orders(running, pids))
    for number, (name, questions) in enumerate(_FIRST.items()):
        with _connected(running.url(name)) as ask:
            for question in questions:
                numbered = (partial(ask, path) for path in _paths(question, number))
                firsts |= _first(numbered, {f"{name} {question}": pids[name]})
    memory |= _memory("memory after these requests", pids)
    return {READY: running.ready_seconds, **cpu, **memory, **firsts}


def _memory(title: str, pids: Mapping[str, int]) -> dict[str, float]:
    return {f"{name}: {title}, MB": resident_bytes(pids[name]) / 1e6 for name in SERVICE_NAMES}


def _milliseconds(pid: int) -> float:
    seconds = cpu_seconds([pid])
    if seconds is None:
        raise StartFailed("this needs /proc, as Linux has it")
    return 1000 * seconds


def resident_bytes(pid: int) -> int:
    """What a process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise StartFailed(f"process {pid} has ended")


def _first_orders(running: Shop, pids: Mapping[str, int]) -> dict[str, float]:
    """Each until it is stored, or at least read by the consumer and off the queue."""
    with (
        _connected(running.url("publisher")) as ask,
        redis.Redis(port=urlsplit(running.url("queue-redis")).port or 0, protocol=2) as queue,
    ):

        def order() -> None:
            ask(_ORDER)
            until_empty(queue)

        titles = {f"{name} {_ORDER}": pids[name] for name in ("publisher", "consumer")}
        return _first((order for _ in range(_REQUESTS)), titles)


def _paths(question: str, round_number: int) -> Iterator[str]:
    for number in range(1, _REQUESTS + 1):
        slug = create_catalogue()[number - 1].slug
        price = 10**9 + _REQUESTS * round_number + number
        yield question.format(n=number + _REQUESTS * round_number, slug=slug, price=price)


def _first(asks: Iterable[Callable[[], None]], pids: Mapping[str, int]) -> dict[str, float]:
    """The first answer by the median of those after it: of the time that passed, and of the CPU of
    each service that is named."""
    times: list[float] = []
    cpu: dict[str, list[float]] = {title: [] for title in pids}
    for ask in asks:
        before = {title: exact_cpu_seconds(pid) for title, pid in pids.items()}
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
        for title, pid in pids.items():
            cpu[title].append(exact_cpu_seconds(pid) - before[title])
    found: dict[str, float] = {}
    for title, taken in cpu.items():
        found[f"{title}: first / median"] = times[0] / statistics.median(times)
        median = statistics.median(taken)
        found[f"{title}: of its CPU"] = taken[0] / median if median else 0.0
    return found


@contextmanager
def _connected(url: str) -> Iterator[Callable[[str], None]]:
    """Asks over one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=30)

    def ask(question: str) -> None:
        method, _, path = question.rpartition(" ")
        headers, body = new_order() if method else ({}, None)
        connection.request(method or "GET", path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status not in {http.client.OK, http.client.ACCEPTED}:
            raise StartFailed(f"{url}{path} answered {answer.status}")

    connection.connect()
    try:
        yield ask
    finally:
        connection.close()


def table(found: Sequence[Sequence[Figures]], sides: Sequence[Checkout]) -> str:
    """Medians, and the ratio of the medians with the spread of this side."""
    titles = list(found[0][0])
    width = max(map(len, titles))
    heads = "".join(f"{side.name:>12}" for side in sides)
    ratio = "   ratio" if len(sides) > 1 else ""
    lines = [f"{'median of the rounds':<{width}}{heads}{ratio}  spread"]
    for title in titles:
        spreads = [spread_of(figures[title] for figures in side) for side in found]
        medians = [spread.median for spread in spreads if spread]
        shown = "".join(f"{median:12.1f}" for median in medians)
        ratio = f"{_ratio(*medians):>8}" if len(medians) > 1 else ""
        width_of_first = spreads[0].width if spreads[0] and medians[0] else 0.0
        lines.append(f"{title:<{width}}{shown}{ratio}  {width_of_first:5.0%}")
    return "\n".join(lines)


def _ratio(here: float, there: float) -> str:
    return f"{here / there:.2f}" if there else "-"


if __name__ == "__main__":
    sys.exit(main())

"""`python -m benchmarks.growth --small <url> --large <url>`: what a request, an order and a
reconciliation take in a small database and in a large one, in alternation, as ratios: of the time
that passes, and of the CPU of all who work for it.

Both are made before: `python -m database upgrade seed --products N past-orders --orders N`."""

import argparse
import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.closed_loop import LoadFailed
from benchmarks.grown_shop import GrownShop, opened
from benchmarks.processes import StartFailed
from benchmarks.ratios import Spread, spread_of
from contracts.headers import GUEST
from database.past_orders import guest_of

_SORTS = ("name", "price", "-price", "newest")
# Each finds a tenth of the watches or so, and one or two watches in a catalogue of 1 000.
_COMMON, _RARE = ("batik", "hitam", "kulit", "biru"), ("badean", "gadean", "jidean", "kudean")
_ORDERS_AT_ONCE = 2_000

# A path and its headers, chosen anew for each request.
Question = Callable[[random.Random, GrownShop], tuple[str, Mapping[str, str]]]
QUESTIONS: Mapping[str, Question] = {
    "list, one of the first pages": lambda choose, _: _page(choose, "", choose.randint(1, 5)),
    "list, a page in the middle": lambda choose, shop: _page(choose, "", _middle(choose, shop)),
    "search, a word of many": lambda choose, _: _page(choose, choose.choice(_COMMON), 1),
    "search, a word of few": lambda choose, _: _page(choose, choose.choice(_RARE), 1),
    "brands": lambda choose, _: ("/api/brands", {}),
    "product": lambda choose, shop: (f"/api/products/{choose.randint(1, shop.products)}", {}),
    "a guest's orders": lambda choose, shop: (
        "/api/orders",
        {GUEST: str(guest_of(choose.randrange(shop.orders)))},
    ),
}


_ROWS = (*QUESTIONS, "an order stored", "reconcile a day")


def _page(choose: random.Random, words: str, page: int) -> tuple[str, Mapping[str, str]]:
    return f"/api/products?q={words}&sort={choose.choice(_SORTS)}&page={page}", {}


def _middle(choose: random.Random, shop: GrownShop) -> int:
    pages = shop.products // 24
    return choose.randint(pages * 2 // 5, pages * 3 // 5)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--small", required=True, metavar="DATABASE_URL")
    parser.add_argument("--large", required=True, metavar="DATABASE_URL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=40, help="of each kind, per round")
    parser.add_argument(
        "--only", metavar="ROW", action="append", default=[], help="rows that begin like this"
    )
    parser.add_argument(
        "--database-pid", type=int, action="append", default=[], help="whose CPU counts as well"
    )
    options = parser.parse_args()
    try:
        with TemporaryDirectory(prefix="arloji-growth-") as name, ExitStack() as stack:
            shops = [
                stack.enter_context(opened(Path(name) / title, url, options.database_pid))
                for title, url in (("small", options.small), ("large", options.large))
            ]
            chosen = [title for title in _ROWS if title.startswith(tuple(options.only) or "")]
            found = measure(shops, options.rounds, options.requests, chosen)
            print(table(found, shops))
    except (StartFailed, LoadFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


# Milliseconds of one request, order or command: that passed, and of CPU.
Taken = tuple[float, float]


def measure(
    shops: Sequence[GrownShop], rounds: int, requests: int, titles: Sequence[str]
) -> dict[str, list[list[Taken]]]:
    """Row → shop → what each round took, after one that only warms up."""
    found: dict[str, list[list[Taken]]] = {title: [[] for _ in shops] for title in titles}
    choose = random.Random(1)
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}" if number else "warming up", file=sys.stderr)
        for title in titles:
            for index, shop in enumerate(shops):
                taken = _taken(title, shop, requests, choose)
                if number:
                    found[title][index].append(taken)
    return found


def _taken(title: str, shop: GrownShop, requests: int, choose: random.Random) -> Taken:
    if title in QUESTIONS:
        asked, others = (
            [QUESTIONS[title](choose, shop) for _ in range(requests)] for _ in range(2)
        )
        # What a search finds is remembered for half a minute: the first of its kind is dearer.
        shop.warm_up(asked if title.startswith("search") else others)
        before, seconds, number = shop.cpu_seconds(), shop.median_seconds(asked), requests
    elif title == "an order stored":
        before, number = shop.cpu_seconds(), _ORDERS_AT_ONCE
        seconds = shop.drain.work_off(number) / number
    else:
        before, seconds, number = shop.cpu_seconds(), shop.reconcile_seconds(), 1
    return 1000 * seconds, 1000 * (shop.cpu_seconds() - before) / number


def table(found: Mapping[str, Sequence[Sequence[Taken]]], shops: Sequence[GrownShop]) -> str:
    """Medians in milliseconds, and the ratio of each round: 1 is as fast in the large one."""
    width = max(map(len, found))
    sizes = [f"{shop.products} products and {shop.orders} orders" for shop in shops]
    lines = [
        f"{sizes[1]} against {sizes[0]}, {shops[0].database}",
        "",
        f"{'milliseconds':<{width}}     small     large   ratio     min     max"
        "  CPU small   large   ratio",
    ]
    for title, (small, large) in found.items():
        times = [[time for time, _ in side] for side in (small, large)]
        ratio = spread_of(after / before for before, after in zip(*times, strict=True))
        assert isinstance(ratio, Spread)
        shown = "".join(f"{statistics.median(side):10.2f}" for side in times)
        cpu = [statistics.median(cpu for _, cpu in side) for side in (small, large)]
        of_cpu = f"{cpu[1] / cpu[0]:8.2f}"
        lines.append(
            f"{title:<{width}}{shown}{ratio.median:8.2f}{ratio.least:8.2f}{ratio.most:8.2f}"
            f"{cpu[0]:11.2f}{cpu[1]:8.2f}{of_cpu}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

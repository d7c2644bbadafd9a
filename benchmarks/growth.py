"""`python -m benchmarks.growth --small <url> --large <url>`: what a request, an order and a
reconciliation take in a small database and in a large one, in alternation, as ratios.

Both are made before: `python -m database upgrade seed --products N past-orders --orders N`."""

import argparse
import random
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
_INSERT_SECONDS = 1.0

# A path and its headers, chosen anew for each request.
Question = Callable[[random.Random, GrownShop], tuple[str, Mapping[str, str]]]
QUESTIONS: Mapping[str, Question] = {
    "list, one of the first pages": lambda choose, _: _page(choose, "", choose.randint(1, 5)),
    "list, a page in the middle": lambda choose, shop: _page(choose, "", shop.products // 48),
    "search, a word of many": lambda choose, _: _page(choose, choose.choice(_COMMON), 1),
    "search, a word of few": lambda choose, _: _page(choose, choose.choice(_RARE), 1),
    "brands": lambda choose, _: ("/api/brands", {}),
    "product": lambda choose, shop: (f"/api/products/{choose.randint(1, shop.products)}", {}),
    "a guest's orders": lambda choose, shop: (
        "/api/orders",
        {GUEST: str(guest_of(choose.randrange(shop.orders)))},
    ),
}


def _page(choose: random.Random, words: str, page: int) -> tuple[str, Mapping[str, str]]:
    return f"/api/products?q={words}&sort={choose.choice(_SORTS)}&page={page}", {}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--small", required=True, metavar="DATABASE_URL")
    parser.add_argument("--large", required=True, metavar="DATABASE_URL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=40, help="of each kind, per round")
    options = parser.parse_args()
    try:
        with TemporaryDirectory(prefix="arloji-growth-") as name, ExitStack() as stack:
            shops = [
                stack.enter_context(opened(Path(name) / title, url))
                for title, url in (("small", options.small), ("large", options.large))
            ]
            found = measure(shops, options.rounds, options.requests)
            print(table(found, shops))
    except (StartFailed, LoadFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def measure(shops: Sequence[GrownShop], rounds: int, requests: int) -> dict[str, list[list[float]]]:
    """Row → shop → milliseconds of each round, after one that only warms up."""
    titles = (*QUESTIONS, "an order stored", "reconcile a day")
    found: dict[str, list[list[float]]] = {title: [[] for _ in shops] for title in titles}
    choose = random.Random(1)
    for number in range(rounds + 1):
        print(f"round {number} of {rounds}" if number else "warming up", file=sys.stderr)
        for title in titles:
            for index, shop in enumerate(shops):
                taken = _milliseconds(title, shop, requests, choose)
                if number:
                    found[title][index].append(taken)
    return found


def _milliseconds(title: str, shop: GrownShop, requests: int, choose: random.Random) -> float:
    if title in QUESTIONS:
        asked = [QUESTIONS[title](choose, shop) for _ in range(requests)]
        # What a search finds is remembered for half a minute: the first of its kind is dearer.
        shop.warm_up(asked)
        return 1000 * shop.median_seconds(asked)
    if title == "an order stored":
        return 1000 * shop.seconds_per_order(_INSERT_SECONDS)
    return 1000 * shop.reconcile_seconds()


def table(found: Mapping[str, Sequence[Sequence[float]]], shops: Sequence[GrownShop]) -> str:
    """Medians in milliseconds, and the ratio of each round: 1 is as fast in the large one."""
    width = max(map(len, found))
    sizes = [f"{shop.products} products and {shop.orders} orders" for shop in shops]
    lines = [
        f"{sizes[1]} against {sizes[0]}, {shops[0].database}",
        "",
        f"{'milliseconds':<{width}}     small     large   ratio     min     max",
    ]
    for title, (small, large) in found.items():
        ratio = spread_of(after / before for before, after in zip(small, large, strict=True))
        sides = [spread_of(small), spread_of(large)]
        assert isinstance(ratio, Spread)
        shown = "".join(f"{side.median:10.2f}" for side in sides if side)
        lines.append(
            f"{title:<{width}}{shown}{ratio.median:8.2f}{ratio.least:8.2f}{ratio.most:8.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

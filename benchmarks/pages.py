"""Pages beside the answers that they are made of, and a product out of Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.closed_loop import Target
from benchmarks.processes import UNLIMITED, Shop, shop
from benchmarks.ratios import Answers, Pair

_PAGES = (
    ("page", "page / as its JSON", "/", "sort=newest&page=1&page_size=24"),
    ("search", "page of a search / as its JSON", "/?q=batik", "q=batik&sort=newest&page_size=24"),
)


def page_pairs(running: Shop, product: Target) -> list[Pair]:
    """`product` asks the same frontend, as a guest who comes back."""
    url = running.url("frontend")
    return [
        Pair(
            name,
            title,
            Answers(replace(product, url=f"{url}{path}")),
            Answers(replace(product, url=f"{url}/api/products?{query}")),
        )
        for name, title, path, query in _PAGES
    ]


@contextmanager
def asking_redis_each_time(folder: Path) -> Iterator[Shop]:
    """A shop without telemetry whose service-http has no memory beside the cache."""
    options = ("--no-telemetry", *UNLIMITED, "--set", "service-http.CACHE_MEMORY_BYTES=0")
    with shop(folder / "asking", *options) as running:
        yield running

"""The request path in pairs, each measured side by side."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks.closed_loop import LoadFailed, Target
from benchmarks.cores import pin, two_cores
from benchmarks.order_path import order_pairs, orders_at
from benchmarks.pages import asking_redis_each_time, page_pairs
from benchmarks.processes import UNLIMITED, Shop, module, shop
from benchmarks.ratios import Answers, Pair, Side
from local.free_port import free_port

CHAIN = ("frontend", "api-gw", "service-http")
BACKING = ("queue-redis", "cache-redis", "telemetry")


@dataclass(frozen=True)
class Measurable:
    """What is compared, and each service at saturation, for the tails of its answers."""

    pairs: list[Pair]
    saturated: dict[str, Side]


@contextmanager
def opened(folder: Path, progress: Callable[[str], None]) -> Iterator[Measurable]:
    """Everything started and pinned, until the end of the block."""
    with ExitStack() as stack:
        progress("starting a gateway alone, a plain FastAPI and what stands behind")
        hop = _hop(stack, folder)
        progress("starting a shop without telemetry")
        quiet = stack.enter_context(shop(folder / "quiet", "--no-telemetry", *UNLIMITED))
        progress("starting a shop with telemetry")
        telling = stack.enter_context(shop(folder / "telling", *UNLIMITED))
        progress("starting a shop that asks Redis each time")
        asking = stack.enter_context(asking_redis_each_time(folder))
        for one in (quiet, telling, asking):
            share_cores(one)
        reads = [*_chain(quiet, telling), _hit(stack, asking, folder)]
        reads += page_pairs(telling, _through_frontend(telling))
        progress("starting publishers and consumers")
        pairs = [*hop, *reads, _spans(stack, folder), *order_pairs(stack, folder)]
        yield Measurable(pairs, _saturated(telling))


def _chain(quiet: Shop, telling: Shop) -> list[Pair]:
    chain, alone = Answers(_through_frontend(quiet)), Answers(_product_of(quiet, "service-http"))
    told = Answers(_through_frontend(telling))
    return [
        Pair("chain", "frontend → api-gw → service-http / service-http alone", chain, alone),
        Pair("telemetry", "the chain with telemetry on / off", told, chain),
    ]


def _hit(stack: ExitStack, asking: Shop, folder: Path) -> Pair:
    hit, alone = Answers(_product_of(asking, "service-http")), _without_redis(stack, folder)
    return Pair("hit", "product from Redis / the same without Redis", hit, alone)


def _saturated(telling: Shop) -> dict[str, Side]:
    publisher = telling.url("publisher"), telling.pids()["publisher"]
    return {
        "frontend: /": Answers(
            replace(_through_frontend(telling), url=f"{telling.url('frontend')}/")
        ),
        "frontend: a product": Answers(_through_frontend(telling)),
        "api-gw: a product": Answers(_product_of(telling, "api-gw")),
        "service-http: a product": Answers(_product_of(telling, "service-http")),
        "publisher: an order": Answers(orders_at(*publisher)),
    }


def _without_redis(stack: ExitStack, folder: Path) -> Answers:
    url = f"http://127.0.0.1:{(port := free_port())}"
    pid = stack.enter_context(
        module(
            "benchmarks.cached_product",
            folder,
            environment={"PORT": str(port)},
            ready_url=f"{url}/readyz",
        )
    )
    if cores := two_cores():
        pin(pid, cores[0])
    return Answers(Target(f"{url}/api/products/1", pids=(pid,)))


def _hop(stack: ExitStack, folder: Path) -> list[Pair]:
    upstream, gateway, unlimited, plain = (free_port() for _ in range(4))
    behind = f"http://127.0.0.1:{upstream}"
    urls = {"SERVICE_HTTP_URL": behind, "PUBLISHER_URL": behind}
    started = [
        ("services.api_gw", [], urls | {"PORT": str(gateway)}),
        # The argument is only the name of its log.
        ("services.api_gw", ["off"], urls | {"PORT": str(unlimited), "ADMISSION": "off"}),
        ("benchmarks.hello", [str(plain)], {}),
    ]
    targets = [f"http://127.0.0.1:{port}/api/products/1" for port in (gateway, unlimited)]
    targets.append(f"http://127.0.0.1:{plain}/")
    upstream_pid = stack.enter_context(
        module("benchmarks.upstream", folder, [str(upstream)], ready_url=f"{behind}/")
    )
    pids = [
        stack.enter_context(module(name, folder, arguments, environment, ready_url=url))
        for (name, arguments, environment), url in zip(started, targets, strict=True)
    ]
    if cores := two_cores():
        pin(upstream_pid, cores[1])
        for pid in pids:
            pin(pid, cores[0])
    hop, unlimited_hop, hello = (
        Answers(Target(url, pids=(pid,))) for url, pid in zip(targets, pids, strict=True)
    )
    return [
        Pair("hop", "api-gw / plain FastAPI hello", hop, hello),
        Pair("admission", "api-gw with admission control / without", hop, unlimited_hop),
    ]


def _spans(stack: ExitStack, folder: Path) -> Pair:
    collector = free_port()
    stack.enter_context(
        module(
            "benchmarks.upstream",
            folder,
            [str(collector)],
            ready_url=f"http://127.0.0.1:{collector}/",
        )
    )
    sides = []
    for maker in ("contrib", "own"):
        url = f"http://127.0.0.1:{(port := free_port())}"
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector}"}
        pid = stack.enter_context(
            module("benchmarks.hello", folder, [str(port), maker], told, ready_url=f"{url}/")
        )
        if cores := two_cores():
            pin(pid, cores[0])
        sides.append(Answers(Target(f"{url}/", pids=(pid,))))
    return Pair("spans", "FastAPI hello with spans by its instrumentation / by our own", *sides)


def share_cores(running: Shop) -> None:
    if cores := two_cores():
        for name, pid in running.pids().items():
            pin(pid, cores[1] if name in BACKING else cores[0])


def target_of(running: Shop, service: str, path: str) -> Target:
    """As a guest who comes back: with the cookie, which costs more to make than to check."""
    url, headers = f"{running.url(service)}{path}", {}
    if service == "frontend":
        headers["Cookie"] = _cookies_of(httpx.get(url, timeout=30))
        headers["Accept-Language"] = "id"
    return Target(url, headers, tuple(running.pids()[name] for name in CHAIN))


def _cookies_of(answer: httpx.Response) -> str:
    return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


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
    return _product_of(running, "frontend", {"Cookie": _cookies_of(answer)})

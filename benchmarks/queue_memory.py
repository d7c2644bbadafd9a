"""`python -m benchmarks.queue_memory`: how much memory a pending order and a key record take in the
queue Redis, and the `maxmemory` that follows. docs/queue-memory.md shows the result.

A real publisher writes one order of each size; copies of what it wrote, each with ids of its own,
then fill a real Redis, and `used_memory` tells.
"""

import argparse
import platform
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import redis

from benchmarks.stores import publisher, redis_server

_COPIES = 20_000
# Nothing on disk, and no bound before the measured one.
_ROOMY = ("--appendonly", "no", "--maxmemory", "0")
_CUSTOMER = {
    "name": "Sari Wulandari",
    "email": "sari.wulandari@example.com",
    "address": "Jl. Merdeka Barat 12, RT 03/RW 05, Gambir, Jakarta Pusat 10110",
}
# As long as the schema allows, in characters of four bytes.
_LONGEST = {"name": "⌚" * 100, "email": "⌚" * 248 + "@a.com", "address": "𝄞" * 500}


@dataclass(frozen=True)
class Written:
    """What the publisher wrote for one order."""

    fields: dict[bytes, bytes]
    pending: bytes
    record: bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--backlog", type=int, default=100_000, help="MAX_BACKLOG_ORDERS")
    parser.add_argument("--rate", type=int, default=100, help="orders/s sustained")
    parser.add_argument("--record-seconds", type=int, default=3600, help="IDEMPOTENCY_SECONDS")
    parser.add_argument("--share", type=float, default=0.8, help="MAX_MEMORY_SHARE")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, redis_server(Path(folder), options=_ROOMY) as (server, _):
        about: Any = server.info("server")
        with (
            publisher(server, Path(folder)) as (url, _),
            httpx.Client(base_url=url, trust_env=False) as client,
        ):
            typical = [write_order(server, client, _CUSTOMER, lines) for lines in (1, 2, 3)]
            worst = write_order(server, client, _LONGEST, 50, largest=True)
        empty = measure(server, lambda pipeline: None, copies=0)
        record = measure(server, partial(add_record, written=typical[0]))
        orders = [measure(server, partial(add_order, written=one)) for one in typical]
        largest = measure(server, partial(add_order, written=worst))
    machine = f"{platform.system()} {platform.machine()}"
    print(f"Redis {about['redis_version']}, {machine}, {_COPIES} copies each")
    for lines, size in zip((1, 2, 3), orders, strict=True):
        print(f"  pending order of {lines} line(s)       {size:8.0f} bytes")
    print(f"  pending order, largest (50)      {largest:8.0f} bytes")
    print(f"  key record                       {record:8.0f} bytes")
    show_sum(options, empty, sum(orders) / len(orders), largest, record)
    return 0


def show_sum(
    options: argparse.Namespace, empty: float, order: float, largest: float, record: float
) -> None:
    records = options.rate * options.record_seconds
    parts = {
        "Redis itself": empty,
        f"{options.backlog} pending orders of {order:.0f} bytes": options.backlog * order,
        f"{records} key records of {record:.0f} bytes"
        f" ({options.rate}/s for {options.record_seconds} s)": records * record,
    }
    for what, size in parts.items():
        print(f"{size / 2**20:9.1f} MiB  {what}")
    total = sum(parts.values())
    print(f"{total / 2**20:9.1f} MiB  in all")
    print(f"{total / options.share / 2**20:9.1f} MiB  maxmemory, of which {options.share:.0%}")
    room = total - empty - records * record
    print(f"{room / largest:9.0f} orders of the largest size fit instead, before the guard refuses")


def measure(server: redis.Redis, add: Callable[[Any], None], *, copies: int = _COPIES) -> float:
    """Bytes of `used_memory` for each copy; of an empty server without any."""
    server.flushall()
    before = used_memory(server)
    if not copies:
        return before
    for _ in range(copies // 500):
        pipeline = server.pipeline(transaction=False)
        for _ in range(500):
            add(pipeline)
        pipeline.execute()
    return (used_memory(server) - before) / copies


def used_memory(server: redis.Redis) -> float:
    memory: Any = server.info("memory")
    return float(memory["used_memory"] - memory["mem_clients_normal"])


def add_order(pipeline: Any, written: Written) -> None:
    """Every order of a guest of its own: the dearest case for `pending:*`."""
    pipeline.xadd("orders", written.fields)
    pipeline.hset(f"pending:{uuid.uuid4()}", str(uuid.uuid4()), written.pending)


def add_record(pipeline: Any, written: Written) -> None:
    """A key as long as a UUID, as the shop's own form sends it."""
    pipeline.set(f"idem:{uuid.uuid4()}:{uuid.uuid4()}", written.record, ex=3600)


def write_order(
    server: redis.Redis,
    client: httpx.Client,
    customer: dict[str, str],
    lines: int,
    *,
    largest: bool = False,
) -> Written:
    server.flushall()
    first_product = 10**18 if largest else 1000
    answer = client.post(
        "/api/orders",
        headers={"X-Arloji-Guest": str(uuid.uuid4()), "Idempotency-Key": str(uuid.uuid4())},
        json={
            "items": [
                {"product_id": first_product + line, "quantity": 99 if largest else 1}
                for line in range(lines)
            ],
            "customer": customer,
            "expected_total_idr": 10**15 if largest else 5_000_000,
        },
    )
    answer.raise_for_status()
    found: Any = server.xrange("orders")
    [pending_key] = server.scan_iter(match="pending:*")
    [record_key] = server.scan_iter(match="idem:*")
    pending: Any = server.hvals(pending_key)
    record: Any = server.get(record_key)
    return Written(found[0][1], pending[0], record)


if __name__ == "__main__":
    sys.exit(main())

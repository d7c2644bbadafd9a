"""`python -m benchmarks.backlog`: what a consumer has in memory while it works a million orders
off, said at each tenth, and how long that takes."""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.closed_loop import LoadFailed
from benchmarks.order_path import add_orders, consumer, prepare_database, until_empty
from benchmarks.processes import StartFailed
from benchmarks.start import resident_bytes
from benchmarks.stores import redis_server
from contracts.queue import ORDERS

_HOURS = 3600.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.backlog", description=__doc__.partition(":")[2]
    )
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--database", metavar="URL", help="an empty one; else SQLite")
    options = parser.parse_args()
    try:
        with TemporaryDirectory(prefix="arloji-backlog-") as name:
            folder = Path(name)
            drain(folder, options.database or f"sqlite:///{folder / 'shop.db'}", options.orders)
    except (StartFailed, LoadFailed) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def drain(folder: Path, database_url: str, number: int) -> None:
    products = prepare_database(database_url)
    # As large as the backlog is: what is measured is the consumer.
    with redis_server(folder / "queue", options=("--maxmemory", "0")) as (queue, _):
        add_orders(queue, number, products)
        began = time.monotonic()
        with consumer(folder, queue, database_url) as pid:
            print(f"{'orders stored':>13} {'seconds':>8} {'MB in memory':>13}", flush=True)
            said = -1

            def look() -> None:
                nonlocal said
                stored = number - int(queue.xlen(ORDERS))
                if (tenth := 10 * stored // number) > said:
                    said = tenth
                    seconds, memory = time.monotonic() - began, resident_bytes(pid) / 1e6
                    print(f"{stored:>13} {seconds:>8.1f} {memory:>13.1f}", flush=True)

            until_empty(queue, _HOURS, look)
            look()


if __name__ == "__main__":
    sys.exit(main())

"""A database of any size with service-http and a consumer in front of it, where no answer comes
from a cache."""

import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from sqlalchemy import Engine, func, select, update

from benchmarks.cores import exact_cpu_seconds
from benchmarks.order_path import Drain
from benchmarks.processes import StartFailed, module
from benchmarks.stores import redis_server, url_of
from database.past_orders import count_past_orders
from database.tables import orders, products
from local import inherited
from local.free_port import free_port
from local.layout import ROOT
from servicekit.database.engine import create_database_engine, transaction

# Of more products than these none is sold out by what is measured here.
_SOUGHT_AFTER = 10_000
# Orders of the audit that is reconciled.
_AUDITED = 1_000
_STATEMENT_SECONDS = 3600
_TRIES = 5
# The service asks no database that failed three times for so long.
_BREAKER_SECONDS = 1.2


@dataclass(frozen=True)
class GrownShop:
    products: int
    orders: int
    database: str
    environment: Mapping[str, str]
    connection: http.client.HTTPConnection
    drain: Drain
    # Of service-http, the consumer, and the database where that is a process.
    pids: Sequence[int]

    def cpu_seconds(self) -> float:
        """What they, and the commands that have ended, have computed so far."""
        commands = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = sum(exact_cpu_seconds(pid) for pid in self.pids)
        return running + commands.ru_utime + commands.ru_stime

    def median_seconds(self, requests: Sequence[tuple[str, Mapping[str, str]]]) -> float:
        """Of one answer, all asked one after the other."""
        return statistics.median(self._seconds(path, headers) for path, headers in requests)

    def warm_up(self, requests: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        """On a busy machine the first of its kind may take longer than a request may."""
        # The next request opens another: it may have been idle for longer than a server waits.
        self.connection.close()
        for path, headers in requests:
            for _ in range(_TRIES):
                with suppress(StartFailed):
                    self._seconds(path, headers)
                    break
                time.sleep(_BREAKER_SECONDS)

    def _seconds(self, path: str, headers: Mapping[str, str]) -> float:
        began = time.perf_counter()
        self.connection.request("GET", path, headers=dict(headers))
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise StartFailed(f"{path} was answered with {answer.status}: {body[:300]!r}")
        return time.perf_counter() - began

    def reconcile_seconds(self) -> float:
        """Of the whole command, with an audit of the newest orders."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "housekeeping", "reconcile", "--json"],
            cwd=ROOT,
            env={**inherited.for_shop(), **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or json.loads(done.stdout)["counts"]["stored"] != _AUDITED:
            raise StartFailed(f"reconcile: {done.stdout[-500:]}{done.stderr[-500:]}")
        return time.perf_counter() - began


@contextmanager
def opened(folder: Path, url: str, database_pids: Sequence[int]) -> Iterator[GrownShop]:
    """In front of the database of this URL, until the end of the block. It changes stocks, so
    that nothing is sold out: the ledger no longer adds up."""
    with ExitStack() as stack:
        engine = create_database_engine(
            url, read_only=False, connections=1, statement_seconds=_STATEMENT_SECONDS
        )
        stack.callback(engine.dispose)
        last_product, count = _prepare(engine)
        queue, _ = stack.enter_context(redis_server(folder))
        _write_audit(folder / "audit", engine)
        environment = {
            "DATABASE_URL": url,
            "QUEUE_REDIS_URL": url_of(queue),
            # Nobody is there: each answer comes from the database.
            "CACHE_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
            "CACHE_MEMORY_BYTES": "0",
            "AUDIT_DIRECTORY": str(folder / "audit"),
            "BACKUP_DIRECTORY": str(folder / "backups"),
        }
        reading, reader = stack.enter_context(_service("service_http", folder, environment))
        _, pid = stack.enter_context(_service("consumer", folder, environment))
        connection = http.client.HTTPConnection("127.0.0.1", reading, timeout=60)
        stack.callback(connection.close)
        drain = Drain(queue, pid, last_product)
        pids, name = (reader, pid, *database_pids), engine.dialect.name
        yield GrownShop(last_product, count, name, environment, connection, drain, pids)


@contextmanager
def _service(name: str, folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    port = free_port()
    ready_url = f"http://127.0.0.1:{port}/readyz"
    settings = {**environment, "PORT": str(port)}
    with module(f"services.{name}", folder, environment=settings, ready_url=ready_url) as pid:
        yield port, pid


def _prepare(engine: Engine) -> tuple[int, int]:
    with transaction(engine) as connection:
        few = products.c.product_id <= _SOUGHT_AFTER
        connection.execute(
            update(products)
            .where(products.c.stock < 10**6, few)
            .values(stock=products.c.stock + 10**6)
        )
        last_product = connection.scalar(select(func.max(products.c.product_id)))
        # Without those that were stored by measuring, whose guests nobody knows.
        count = connection.scalar(select(func.count()).select_from(orders)) or 0
        count = count_past_orders(connection, count)
    if not last_product or count < _AUDITED:
        raise StartFailed(f"the database needs products and {_AUDITED} orders: see --help")
    return last_product, count


def _write_audit(folder: Path, engine: Engine) -> None:
    """Of the newest orders, as after a day."""
    folder.mkdir(parents=True)
    newest = (
        select(orders.c.order_id, orders.c.accepted_at)
        .order_by(orders.c.accepted_at.desc())
        .limit(_AUDITED)
    )
    with engine.connect() as connection:
        lines = [
            {
                "order_id": row.order_id,
                "entry_id": f"{number}-1",
                "accepted_at": row.accepted_at.astimezone(UTC).isoformat(),
            }
            for number, row in enumerate(connection.execute(newest))
        ]
    text = "".join(json.dumps(line) + os.linesep for line in lines)
    (folder / "accepted-growth.jsonl").write_text(text, encoding="utf-8")

"""`make demo`: plays a customer against the running shop, then shows the stored row and the
trace that led to it. Needs nothing but HTTP and, for the row, the embedded database file."""

import argparse
import sqlite3
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from local.console import configure_terminal
from local.trace_tree import SpanNode, draw, is_complete, spans_of
from servicekit.embedded import InvalidRun, read_data_folder, read_ports

TIMEOUT_SECONDS = 30.0


class DemoFailed(Exception):
    """The shop did not do what the demo expected; the message says what to look at."""


def main() -> int:
    configure_terminal()
    try:
        options = parse_options()
        order_id, trace = order_as_a_customer(options.shop)
        show_rows(options.database, order_id)
        show_trace(options.telemetry, trace)
    except httpx.TransportError as error:
        url = error.request.url.copy_with(path="/", query=None)
        print(f"No answer from {url}: start the shop with `make run` in another terminal.")
        return 1
    except (DemoFailed, InvalidRun) as error:
        print(error)
        return 1
    return 0


def parse_options() -> argparse.Namespace:
    ports, data = read_ports(), read_data_folder()
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--shop", default=ports.url("frontend"), metavar="URL")
    parser.add_argument("--telemetry", default=ports.url("telemetry"), metavar="URL")
    parser.add_argument("--database", type=Path, default=data / "arloji.db", metavar="FILE")
    return parser.parse_args()


def order_as_a_customer(shop: str) -> tuple[str, str]:
    """Browse, choose, order, wait for the end; returns the order's id and its `traceresponse`."""
    with _client(shop) as customer:
        say("opens the shop", customer.get("/"))
        product = choose(customer)
        say(f"looks at {product['name']}", customer.get(f"/products/{product['slug']}"))
        answer = customer.post(
            "/api/orders",
            headers={"Idempotency-Key": str(uuid.uuid4())},
            json={
                "items": [{"product_id": product["product_id"], "quantity": 1}],
                "customer": {
                    "name": "Demo Customer",
                    "email": "demo@example.com",
                    "address": "Jl. Contoh 1, Jakarta",
                },
                "expected_total_idr": product["price_idr"],
            },
        )
        say(f"orders one for Rp {product['price_idr']:,}".replace(",", "."), answer)
        accepted = json_of(answer)
        began = time.monotonic()
        order = wait_for_end(customer, accepted["status_url"])
        waited = (time.monotonic() - began) * 1000
        print(f"  order {accepted['order_id']} is {order['status']} after {waited:.0f} ms")
        return accepted["order_id"], answer.headers.get("traceresponse", "---00")


def _client(url: str) -> httpx.Client:
    """One's own shop is not asked of a proxy, nor does it need an authority of one's network."""
    return httpx.Client(base_url=url, timeout=10, trust_env=False)


def choose(customer: httpx.Client) -> dict[str, Any]:
    page = json_of(customer.get("/api/products", params={"sort": "newest", "page_size": 100}))
    product: dict[str, Any] | None = next((item for item in page["items"] if item["stock"]), None)
    if product is None:
        raise DemoFailed("Nothing is in stock: `python -m database seed` fills an empty shop.")
    return product


def say(what: str, answer: httpx.Response) -> None:
    milliseconds = answer.elapsed.total_seconds() * 1000
    print(f"  the customer {what:<58} {answer.status_code}  {milliseconds:6.1f} ms")
    expect(answer)


def expect(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise DemoFailed(f"{answer.url} answered {answer.status_code}: {answer.text[:300]}")
    return answer


def json_of(answer: httpx.Response) -> dict[str, Any]:
    try:
        content: dict[str, Any] = expect(answer).json()
    except ValueError:
        raise DemoFailed(f"{answer.url} is not Arloji: it answered without JSON.") from None
    return content


def wait_for_end(customer: httpx.Client, status_url: str) -> dict[str, Any]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        order = json_of(customer.get(status_url))
        if order["status"] != "accepted":
            return order
        if time.monotonic() > deadline:
            raise DemoFailed(
                f"Still accepted after {TIMEOUT_SECONDS:.0f} s: see consumer.log in var/log."
            )
        time.sleep(0.05)


def show_rows(database: Path, order_id: str) -> None:
    if not database.exists():
        print(f"\n(no {database} here: the shop keeps its rows in another database)")
        return
    print(f"\nThe stored rows ({database}):")
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as file:
        file.row_factory = sqlite3.Row
        for table in ("orders", "order_items"):
            # The table is one of the two above, never input.
            rows = file.execute(f"SELECT * FROM {table} WHERE order_id = ?", (order_id,))
            for row in rows.fetchall():
                for name, value in zip(row.keys(), row, strict=True):
                    print(f"  {f'{table}.{name}':<28} {value}")


def show_trace(telemetry: str, trace: str) -> None:
    """Spans travel in batches: wait until the consumer's and every parent have arrived."""
    # W3C Trace Context level 2: version, trace id, span id, flags.
    _, trace_id, _, flags = trace.split("-")
    if not int(flags, 16) & 1:
        print("\n(no trace was recorded: the shop runs with its traces off)")
        return
    deadline, spans = time.monotonic() + TIMEOUT_SECONDS, list[SpanNode]()
    with _client(telemetry) as reader:
        while not (has_consumer(spans) and is_complete(spans)):
            if time.monotonic() > deadline:
                if spans:
                    break
                raise DemoFailed(f"\nThe trace {trace_id} did not arrive at {telemetry}.")
            time.sleep(0.2)
            try:
                answer = reader.get(f"/api/traces/{trace_id}")
            except httpx.ConnectError:
                print(
                    f"\n(nobody answers at {telemetry}: the shop sends trace {trace_id} elsewhere)"
                )
                return
            spans = spans_of(json_of(answer)) if answer.is_success else []
    print(f"\nIts trace ({telemetry}/traces/{trace_id}):\n{draw(spans)}")


def has_consumer(spans: list[SpanNode]) -> bool:
    return any(span.service == "consumer" for span in spans)


if __name__ == "__main__":
    sys.exit(main())

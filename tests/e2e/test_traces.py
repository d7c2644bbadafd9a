"""One trace leads from the request to the committed row, and nothing personal is in any."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from contracts.telemetry import ORDER_ID
from tests.e2e.conftest import CUSTOMER, Guest, eventually
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
# Who calls whom in the trace of an order: (service, kind) of the parent and of the child.
TO_THE_GATEWAY = {
    (("frontend", SERVER), ("frontend", CLIENT)),
    (("frontend", CLIENT), ("api-gw", SERVER)),
    (("api-gw", SERVER), ("api-gw", CLIENT)),
}
ORDER_EDGES = TO_THE_GATEWAY | {
    (("api-gw", CLIENT), ("publisher", SERVER)),
    (("publisher", SERVER), ("publisher", PRODUCER)),
    (("publisher", SERVER), ("publisher", CLIENT)),  # the key record
    (("publisher", SERVER), ("publisher", INTERNAL)),  # the audit line
    (("publisher", PRODUCER), ("publisher", CLIENT)),  # MULTI XADD … EXEC
    (("publisher", PRODUCER), ("consumer", CONSUMER)),
    (("consumer", CONSUMER), ("consumer", CLIENT)),  # SQL, the cache, settling
}
READ_EDGES = TO_THE_GATEWAY | {
    (("api-gw", CLIENT), ("service-http", SERVER)),
    (("service-http", SERVER), ("service-http", CLIENT)),  # cache and SQL
}


@dataclass(frozen=True)
class Span:
    service: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    attributes: dict[str, Any] = field(hash=False)

    @property
    def place(self) -> tuple[str, int]:
        return self.service, self.kind


def spans_of(trace: dict[str, Any]) -> list[Span]:
    return [
        Span(
            service=attributes_of(resource_spans["resource"])["service.name"],
            span_id=span["spanId"],
            parent_id=span.get("parentSpanId", ""),
            name=span["name"],
            kind=span["kind"],
            attributes=attributes_of(span),
        )
        for resource_spans in trace["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]


def attributes_of(owner: dict[str, Any]) -> dict[str, Any]:
    return {
        pair["key"]: next(iter(pair["value"].values()), None)
        for pair in owner.get("attributes", [])
    }


def edges_of(spans: list[Span]) -> Counter[tuple[tuple[str, int], tuple[str, int]]]:
    by_id = {span.span_id: span for span in spans}
    return Counter(
        (by_id[span.parent_id].place, span.place) for span in spans if span.parent_id in by_id
    )


def trace_id_of(answer: httpx.Response) -> str:
    """From the header that every answer carries (W3C Trace Context level 2)."""
    found = re.fullmatch(
        r"00-([0-9a-f]{32})-[0-9a-f]{16}-0[0-9a-f]", answer.headers["traceresponse"]
    )
    assert found is not None, answer.headers
    return found[1]


def fetch_spans(stack: RunningStack, trace_id: str, *, until: set[str]) -> list[Span]:
    """The spans of a trace, once the root and all of these services have sent theirs and no
    span waits for its parent."""

    def read() -> list[Span]:
        answer = httpx.get(f"{stack.telemetry_url}/api/traces/{trace_id}")
        return spans_of(answer.json()) if answer.status_code == 200 else []

    def whole(spans: list[Span]) -> bool:
        ids = {span.span_id for span in spans}
        orphans = [span for span in spans if span.parent_id not in ids]
        return [span.parent_id for span in orphans] == [""] and until <= {
            span.service for span in spans
        }

    found: list[Span] = eventually(read, whole)
    return found


def read_metrics(stack: RunningStack) -> dict[str, dict[str, Any]]:
    found = httpx.get(f"{stack.telemetry_url}/api/metrics").json()["metrics"]
    return {metric["name"]: metric for metric in found}


@pytest.fixture(scope="module")
def ordered(stack: RunningStack) -> tuple[str, list[Span]]:
    """An order's id and its trace, from the request to the consumer's last span."""
    with closing(Guest(stack.shop_url)) as guest:
        answer = guest.post_order({guest.product()["product_id"]: 1})
        order_id = answer.json()["order_id"]
        guest.wait_for_end(order_id)
    services = {"frontend", "api-gw", "publisher", "consumer"}
    return order_id, fetch_spans(stack, trace_id_of(answer), until=services)


def test_the_trace_of_an_order_leads_from_the_request_to_the_row(
    ordered: tuple[str, list[Span]],
) -> None:
    order_id, spans = ordered
    assert set(edges_of(spans)) == ORDER_EDGES
    statements = [
        span.attributes["db.query.text"].split()[0]
        for span in spans
        if span.service == "consumer"
        and span.attributes.get("db.system.name") in ("sqlite", "mysql")
        and "db.query.text" in span.attributes
    ]
    # MySQL's driver begins without a statement of its own.
    assert statements[0] in ("BEGIN", "SELECT")
    assert {"SELECT", "INSERT", "UPDATE"} <= set(statements)
    assert "COMMIT" in [span.name for span in spans if span.service == "consumer"]
    (processed,) = [span for span in spans if span.kind == CONSUMER]
    assert processed.attributes[ORDER_ID] == order_id
    assert processed.attributes["arloji.order.status"] == "confirmed"


def test_every_hop_has_exactly_one_client_and_one_server_span(
    ordered: tuple[str, list[Span]],
) -> None:
    hops = edges_of(ordered[1])
    for service in ("frontend", "api-gw"):
        assert hops[(service, SERVER), (service, CLIENT)] == 1
    servers = [(span.service, span.name) for span in ordered[1] if span.kind == SERVER]
    assert sorted(servers) == [
        (service, "POST /api/orders") for service in ("api-gw", "frontend", "publisher")
    ]


def test_the_trace_of_an_order_is_found_by_its_id(
    stack: RunningStack, ordered: tuple[str, list[Span]]
) -> None:
    """The order page links there."""
    page = httpx.get(f"{stack.telemetry_url}/orders/{ordered[0]}", follow_redirects=True)
    assert page.status_code == 200
    assert "process orders" in page.text


def test_the_form_of_the_page_leads_through_the_same_hops(
    stack: RunningStack, guest: Guest
) -> None:
    line = {"product_id": guest.product()["product_id"], "quantity": 1}
    assert guest.http.post("/cart", data={"action": "add", **line}).status_code == 303
    form = guest.http.get("/cart").text.partition('action="/orders"')[2]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    answer = guest.http.post("/orders", data={**hidden, **CUSTOMER})
    assert answer.status_code == 303, answer.text
    order_id = answer.headers["location"].rpartition("/")[2]
    assert guest.wait_for_end(order_id)["status"] == "confirmed"
    spans = fetch_spans(stack, trace_id_of(answer), until={"consumer"})
    assert set(edges_of(spans)) == ORDER_EDGES
    assert {span.attributes.get(ORDER_ID) for span in spans} == {order_id, None}


PRODUCT = "GET /api/products/{product_id}"


@pytest.mark.parametrize(
    ("path", "root", "routes"),
    [
        ("/api/products", "GET /api/products", {"GET /api/products"}),
        ("/api/products/{id}", PRODUCT, {PRODUCT}),
        ("/products/{slug}", "GET /products/{slug}", {PRODUCT}),
        ("/", "GET /", {"GET /api/products"}),
        ("/api/orders", "GET /api/orders", {"GET /api/orders"}),
    ],
)
def test_a_reading_request_is_one_trace_to_the_database(
    stack: RunningStack, guest: Guest, path: str, root: str, routes: set[str]
) -> None:
    # One that is in no cache yet, here or in the memory of service-http: each case has its own.
    product = guest.product(q="steel", page_size=1, page=3 if "slug" in path else 2)
    address = path.format(id=product["product_id"], slug=product["slug"])
    answer = guest.http.get(address, params={"max_price": str(10**9 + uuid.uuid4().int % 10**6)})
    assert answer.status_code == 200
    spans = fetch_spans(stack, trace_id_of(answer), until={"service-http"})
    assert set(edges_of(spans)) == READ_EDGES
    servers = [span for span in spans if span.kind == SERVER]
    assert [span.name for span in servers if span.service == "frontend"] == [root]
    # Once a minute each frontend asks for its menu of brands as well.
    menu = {"GET /api/brands"} if path == "/" else set()
    for service in ("api-gw", "service-http"):
        assert {span.name for span in servers if span.service == service} - menu == routes


def test_routes_are_named_and_never_filled_in(
    stack: RunningStack, ordered: tuple[str, list[Span]], guest: Guest
) -> None:
    """A name with an id in it would be a metric series of its own."""
    for path in ("/api/products/17", f"/api/orders/{uuid.uuid4()}", "/nothing/17", "/api/x/17"):
        guest.http.get(path)
    metrics = eventually(
        lambda: read_metrics(stack), lambda found: "http.server.request.duration" in found
    )
    routes = {
        series["attributes"].get("http.route", "")
        for metric in metrics.values()
        for series in metric["series"]
    }
    assert not any(re.search(r"\d{2}|[0-9a-f]{8}-", route) for route in routes)


def test_a_trace_from_outside_is_not_continued(stack: RunningStack, guest: Guest) -> None:
    foreign = "1" * 32
    headers = {"traceparent": f"00-{foreign}-{'2' * 16}-01", "tracestate": "a=1", "baggage": "a=1"}
    trace_id = trace_id_of(guest.http.get("/api/products?page_size=1", headers=headers))
    assert trace_id != foreign
    spans = fetch_spans(stack, trace_id, until={"frontend", "api-gw"})
    assert [span.service for span in spans if not span.parent_id] == ["frontend"]
    assert httpx.get(f"{stack.telemetry_url}/api/traces/{foreign}").status_code == 404


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A shop to which nobody comes but its own probes and polling."""
    options = ["--set", "all.OTEL_METRIC_EXPORT_INTERVAL=1000"]
    with RunningStack(tmp_path_factory.mktemp("quiet"), options) as running:
        yield running


def test_idle_polling_and_probes_leave_no_spans(quiet: RunningStack) -> None:
    """Metrics arrive every second, spans sooner: after three rounds they would be here."""

    def rounds() -> int:
        metrics = read_metrics(quiet).values()
        times.update(series["time"] for metric in metrics for series in metric["series"])
        return len(times)

    times: set[str] = set()
    for name in ("frontend", "api-gw", "service-http", "publisher", "consumer"):
        for path in ("/healthz", "/readyz"):
            assert httpx.get(f"{quiet.url(name)}{path}").status_code == 200
    eventually(rounds, lambda number: number > 15)
    assert httpx.get(f"{quiet.telemetry_url}/api/telemetry").json()["spans"] == 0


def test_nothing_personal_is_in_any_telemetry(quiet: RunningStack) -> None:
    """Traces, logs and metrics as well as the log files, after good, refused and held orders."""
    canary = {"name": "Canaria Vogel", "email": "canary@aviary.test", "address": "Jl. Kenari 777"}
    with closing(Guest(quiet.shop_url)) as guest:
        product = guest.product()["product_id"]
        key = f"key-{uuid.uuid4()}"
        answers = [
            guest.post_order({product: 1}, key, customer=canary),
            guest.post_order({product: 2}, key, customer=canary),
            guest.post_order({product: 0}, customer=canary),
            guest.post_order({10**12: 1}, customer=canary),
            guest.post_order({product: 1}, customer={**canary, "phone": "canary-phone"}),
        ]
        guest.http.post("/orders", data={"key": key, **canary})
        guest.http.get("/api/products", params={"q": "ordinary search"})
        assert [answer.status_code for answer in answers] == [202, 422, 422, 202, 422]
        for answer in (answers[0], answers[3]):
            guest.wait_for_end(answer.json()["order_id"])
            fetch_spans(quiet, trace_id_of(answer), until={"consumer"})
        cookie = guest.guest_cookie[1]
    told = everything_told(quiet)
    for secret in (*canary.values(), "Canaria", "aviary", "Kenari", "canary-phone", cookie, key):
        assert secret not in told, secret
    assert "process orders" in told  # what was searched is not empty


def everything_told(stack: RunningStack) -> str:
    """As the receiver has it and as it lies in files."""
    with httpx.Client(base_url=stack.telemetry_url) as receiver:
        traces = receiver.get("/api/traces", params={"limit": "500"}).json()["traces"]
        texts = [receiver.get(f"/api/traces/{one['trace_id']}").text for one in traces]
        texts += [receiver.get("/api/logs").text, receiver.get("/api/metrics").text]
    files = [*(stack.data / "log").iterdir(), *(stack.data / "audit").iterdir()]
    return "\n".join([*texts, *(file.read_text(errors="replace") for file in files)])


def test_the_metrics_of_the_contract_arrive(quiet: RunningStack) -> None:
    expected = {
        *(f"arloji.orders.{name}" for name in ("accepted", "settled", "time_to_stored")),
        *("arloji.queue.backlog", "arloji.queue.durable", "arloji.cache.requests"),
        *("http.server.request.duration", "http.client.request.duration"),
    }
    with closing(Guest(quiet.shop_url)) as guest:
        answer = guest.post_order({guest.product()["product_id"]: 1})
        guest.wait_for_end(answer.json()["order_id"])
    found = eventually(lambda: read_metrics(quiet), lambda metrics: expected <= metrics.keys())
    assert {series["value"] for series in found["arloji.queue.durable"]["series"]} == {1}

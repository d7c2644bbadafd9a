"""Telemetry with a real service, real libraries and the real receiver: all of it
arrives with an endpoint, nothing leaves without one, and a dead endpoint costs nothing."""

import json
import re
import socket
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from servicekit import __version__
from tests.processes import ROOT, ModuleProcess, receiver_process
from tests.servers import RedisServer, free_port

SERVER, CLIENT = 2, 3
Span = dict[str, Any]


def telemetry_app(folder: Path, queue: RedisServer, environment: dict[str, str]) -> ModuleProcess:
    backing = {"QUEUE_REDIS_URL": queue.url, "DATABASE_URL": f"sqlite:///{folder / 'app.db'}"}
    return ModuleProcess(folder, "tests.telemetry_app", {**backing, **environment})


def attributes_of(record: dict[str, Any]) -> dict[str, Any]:
    """Of an OTLP JSON record, with the type tags taken off."""
    return {
        pair["key"]: next(iter(pair["value"].values()), None)
        for pair in record.get("attributes", [])
    }


@dataclass
class Exported:
    """What one request to `/everything/7` sent, after the service had ended."""

    receiver_url: str
    answer: httpx.Response
    resources: list[dict[str, Any]]
    spans: list[Span]
    log_file: str

    def children_of(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.get("parentSpanId") == parent["spanId"]]

    @property
    def root(self) -> Span:
        (root,) = [span for span in self.spans if not span.get("parentSpanId")]
        return root

    def child(self, **wanted: Any) -> Span:
        """The one child of the root with these attributes (`_` stands for `.`)."""
        (found,) = [
            span
            for span in self.children_of(self.root)
            if all(
                attributes_of(span).get(name.replace("_", ".")) == value
                for name, value in wanted.items()
            )
        ]
        return found

    def read(self, path: str) -> Any:
        return httpx.get(f"{self.receiver_url}{path}").json()


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, queue_server: RedisServer
) -> Iterator[Exported]:
    folder = tmp_path_factory.mktemp("telemetry")
    with receiver_process(folder) as receiver:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        }
        with telemetry_app(folder, queue_server, environment) as app:
            assert httpx.get(f"{app.url}/readyz?verbose=1").status_code == 200
            answer = httpx.get(f"{app.url}/everything/7?secret=no")
            assert app.stop() == 0  # flushes, long before the next export is due
        trace_id = answer.json()["trace_id"]
        trace = httpx.get(f"{receiver.url}/api/traces/{trace_id}").json()
        yield Exported(
            receiver.url,
            answer,
            [entry["resource"] for entry in trace["resourceSpans"]],
            [
                span
                for entry in trace["resourceSpans"]
                for group in entry["scopeSpans"]
                for span in group["spans"]
            ],
            app.log.read_text(),
        )


def test_every_span_names_its_service_version_and_instance(exported: Exported) -> None:
    (resource,) = exported.resources
    about = attributes_of(resource)
    assert about["service.name"] == "telemetry-app"
    assert about["service.namespace"] == "arloji"
    assert about["service.version"] == __version__
    assert re.fullmatch(rf"{re.escape(socket.gethostname())}:\d+", about["service.instance.id"])


def test_the_version_is_the_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert __version__ == project["version"]


def test_replicas_have_instance_ids_of_their_own_and_images_their_version(
    exported: Exported, tmp_path: Path, queue_server: RedisServer
) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": exported.receiver_url,
        "OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=replica-2,service.version=7.8.9",
    }
    with telemetry_app(tmp_path, queue_server, environment) as app:
        answer = httpx.get(f"{app.url}/everything/8")
        assert answer.status_code == 200
        assert app.stop() == 0
    (metric,) = exported.read("/api/metrics?name=arloji.test")["metrics"]
    instances = {series["instance"] for series in metric["series"]}
    assert len(instances) == 2
    assert "replica-2" in instances  # an operator's choice wins
    assert [series["count"] for series in metric["series"]] == [1, 1]
    trace_id = answer.headers["traceresponse"].split("-")[1]
    (spans,) = exported.read(f"/api/traces/{trace_id}")["resourceSpans"]
    assert attributes_of(spans["resource"])["service.version"] == "7.8.9"


def test_server_spans_follow_the_stable_http_conventions(exported: Exported) -> None:
    root = exported.root
    assert root["name"] == "GET /everything/{name}"
    assert root["kind"] == SERVER
    about = attributes_of(root)
    assert about["http.request.method"] == "GET"
    assert about["http.route"] == "/everything/{name}"
    assert about["url.path"] == "/everything/7"
    assert about["url.scheme"] == "http"
    assert about["http.response.status_code"] == "200"


def test_a_route_of_an_included_router_is_named_too(exported: Exported) -> None:
    included = [span for span in exported.spans if span["name"] == "GET /included/{name}"]
    assert [attributes_of(span)["http.route"] for span in included] == ["/included/{name}"] * 2
    assert [span["kind"] for span in included] == [SERVER] * 2


def test_each_hop_has_exactly_one_client_span(exported: Exported) -> None:
    """Through httpx over aiohttp, and through a plain aiohttp session."""
    clients = [
        span
        for span in exported.children_of(exported.root)
        if "http.request.method" in attributes_of(span)
    ]
    assert [span["kind"] for span in clients] == [CLIENT, CLIENT]
    for span in clients:
        about = attributes_of(span)
        assert about["http.request.method"] == "GET"
        assert about["url.full"].endswith("/included/7")
        assert about["server.address"] == "127.0.0.1"
        assert about["http.response.status_code"] == "200"
        (served,) = exported.children_of(span)
        assert served["kind"] == SERVER


def test_redis_spans_follow_the_stable_database_conventions(exported: Exported) -> None:
    span = exported.child(db_system_name="redis")
    about = attributes_of(span)
    assert span["kind"] == CLIENT
    assert span["name"] == "SET"
    assert about["db.query.text"] == "SET ? ?"
    assert about["server.address"] == "127.0.0.1"
    assert "secret-key" not in json.dumps(span)  # keys name guests


def test_a_query_has_a_database_span(exported: Exported) -> None:
    """Newer releases of SQLAlchemy lose them silently with this instrumentation."""
    span = exported.child(db_system_name="sqlite", db_operation_name="SELECT")
    assert span["name"] == "SELECT sqlite_schema"
    assert attributes_of(span)["db.collection.name"] == "sqlite_schema"
    assert attributes_of(span)["db.query.text"] == "SELECT name FROM sqlite_schema WHERE name = ?"
    assert span["kind"] == CLIENT
    assert "secret-value" not in json.dumps(exported.spans)


def test_no_old_name_is_left(exported: Exported) -> None:
    names = {name for span in exported.spans for name in attributes_of(span)}
    assert names.isdisjoint(
        {"http.method", "http.url", "http.target", "http.status_code", "http.scheme"}
        | {"net.peer.name", "net.peer.port", "db.system", "db.statement", "db.name"}
    )


def test_a_trace_has_no_more_spans_than_it_should(exported: Exported) -> None:
    """No receive and send spans, no second layer, nothing of what is untraced."""
    names = sorted(span["name"] for span in exported.spans if span["kind"] == SERVER)
    assert names == ["GET /everything/{name}", *["GET /included/{name}"] * 2]
    clients = sorted(span["name"].split()[0] for span in exported.spans if span["kind"] == CLIENT)
    assert clients == ["BEGIN", "GET", "GET", "SELECT", "SET", "connect"]
    assert len(exported.spans) == len(names) + len(clients)


def test_probes_leave_no_trace(exported: Exported) -> None:
    assert "healthz" not in json.dumps(exported.read("/api/traces"))
    for probe in ("healthz", "readyz"):
        assert exported.read(f"/api/traces?q={probe}") == {"traces": []}


def test_a_log_line_carries_its_trace_on_both_ways(exported: Exported) -> None:
    (sent,) = [
        line
        for line in exported.read(f"/api/logs?trace_id={exported.root['traceId']}")["logs"]
        if line["body"] == "did everything"
    ]
    (printed,) = [
        line
        for line in map(json.loads, exported.log_file.splitlines())
        if line["message"] == "did everything"
    ]
    assert sent["trace_id"] == printed["trace_id"] == exported.root["traceId"]
    assert sent["span_id"] == printed["span_id"] == exported.root["spanId"]
    assert sent["service"] == printed["service.name"] == "telemetry-app"
    assert sent["severity"] == printed["level"] == "INFO"
    assert sent["attributes"]["step"] == printed["step"] == "last"


def test_the_answer_names_its_trace(exported: Exported) -> None:
    version, trace_id, span_id, _ = exported.answer.headers["traceresponse"].split("-")
    assert version == "00"
    assert (trace_id, span_id) == (exported.root["traceId"], exported.root["spanId"])


def test_metrics_arrive_with_their_units(exported: Exported) -> None:
    metrics = {metric["name"]: metric for metric in exported.read("/api/metrics")["metrics"]}
    served = metrics["http.server.request.duration"]
    assert served["unit"] == "s"
    assert served["kind"] == "histogram"
    routes = {series["attributes"].get("http.route") for series in served["series"]}
    assert routes == {"/everything/{name}", "/included/{name}"}
    assert "http.client.request.duration" in metrics
    assert metrics["arloji.test"]["series"][0]["bounds"] == [0.1, 1.0]
    names = {name for series in served["series"] for name in series["attributes"]}
    assert names.isdisjoint({"url.path", "url.full", "url.query"})


def test_a_process_says_what_it_uses(exported: Exported) -> None:
    metrics = {metric["name"]: metric for metric in exported.read("/api/metrics")["metrics"]}
    time_by_mode = {
        series["attributes"]["cpu.mode"]: series["value"]
        for series in metrics["process.cpu.time"]["series"]
    }
    assert time_by_mode.keys() == {"user", "system"}
    assert 0.1 < time_by_mode["user"] < 60
    assert metrics["process.uptime"]["series"][0]["value"] > 0
    memory = metrics["process.memory.usage"]["series"][0]["value"]
    assert 20e6 < memory < 500e6


def test_without_an_endpoint_nothing_leaves_and_trace_ids_exist(
    tmp_path: Path, queue_server: RedisServer
) -> None:
    eager = {
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "OTEL_BLRP_SCHEDULE_DELAY": "50",
        "OTEL_METRIC_EXPORT_INTERVAL": "50",
    }
    with telemetry_app(tmp_path, queue_server, eager) as app:
        answer = httpx.get(f"{app.url}/everything/7")
        problem = httpx.get(f"{app.url}/missing")
        began = time.monotonic()
        while time.monotonic() - began < 1:  # many times what an exporter would wait
            httpx.get(f"{app.url}/included/8")
        elsewhere = [
            address
            for address in httpx.get(f"{app.url}/connected").json()
            if str(app.port) not in address  # it also calls itself
        ]
        assert elsewhere == []
        assert app.stop() == 0
        printed = app.log.read_text()
    assert "opentelemetry.exporter" not in printed  # not even an attempt at the end
    trace_id = answer.json()["trace_id"]
    assert answer.headers["traceresponse"].split("-")[1] == trace_id
    assert f'"trace_id": "{trace_id}"' in printed
    assert problem.status_code == 404
    assert problem.json()["trace_id"] == problem.headers["traceresponse"].split("-")[1]
    assert set(trace_id) != {"0"}


# What shells and CI systems carry for other programs, all of it at once.
OTHERS_TELEMETRY = {
    "OTEL_PROPAGATORS": "tracecontext,b3,jaeger",
    "OTEL_PYTHON_CONTEXT": "their_context",
    "OTEL_PYTHON_TRACER_PROVIDER": "their_provider",
    "OTEL_PYTHON_METER_PROVIDER": "their_provider",
    "OTEL_SERVICE_NAME": "theirs",
    "OTEL_RESOURCE_ATTRIBUTES": "team=shop,broken,,=",
    "OTEL_TRACES_SAMPLER": "sometimes",
    "OTEL_BSP_SCHEDULE_DELAY": "soon",
    "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "1000000",
    "OTEL_METRIC_EXPORT_INTERVAL": "abc",
    "OTEL_METRICS_EXPORTER": "prometheus",
    "OTEL_LOGS_EXPORTER": "console",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
    "OTEL_METRICS_EXEMPLAR_FILTER": "some",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "their_detector",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "nonsense",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret-of-theirs,broken",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "ten",
}


def warnings_in(log: Path) -> list[dict[str, Any]]:
    """All lines but the ordinary ones; whatever is no JSON, a traceback for one, fails."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if line["level"] != "INFO"]


def test_variables_of_other_programs_are_one_line_and_cost_nothing(
    tmp_path: Path, queue_server: RedisServer
) -> None:
    with receiver_process(tmp_path) as receiver:
        endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces"}
        with telemetry_app(tmp_path, queue_server, OTHERS_TELEMETRY | endpoint) as app:
            answer = httpx.get(f"{app.url}/everything/7")
            assert app.stop() == 0
        (line,) = warnings_in(app.log)
        assert [name for name in OTHERS_TELEMETRY if name not in line["message"]] == []
        assert "secret-of-theirs" not in app.log.read_text()
        trace = httpx.get(f"{receiver.url}/api/traces/{answer.json()['trace_id']}").json()
        (resource,) = [entry["resource"] for entry in trace["resourceSpans"]]
        assert (
            attributes_of(resource).items()
            >= {
                "service.name": "telemetry-app",
                "team": "shop",
            }.items()
        )
        held = httpx.get(f"{receiver.url}/api/telemetry").json()
        assert (held["series"], held["logs"]) == (0, 0)  # the endpoint is for traces


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, 0),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 1),
        (
            dict.fromkeys(
                [f"OTEL_{one}_EXPORTER" for one in ("TRACES", "METRICS", "LOGS")], "none"
            ),
            0,
        ),
    ],
    ids=["disabled", "another protocol", "no exporter"],
)
def test_where_nothing_is_to_be_sent_nothing_is_and_trace_ids_exist(
    environment: dict[str, str], lines: int, tmp_path: Path, queue_server: RedisServer
) -> None:
    with receiver_process(tmp_path) as receiver:
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        with telemetry_app(tmp_path, queue_server, endpoint | environment) as app:
            problem = httpx.get(f"{app.url}/missing")
            assert problem.json()["trace_id"] == problem.headers["traceresponse"].split("-")[1]
            assert str(receiver.port) not in str(httpx.get(f"{app.url}/connected").json())
            assert app.stop() == 0
        assert len(warnings_in(app.log)) == lines
        held = httpx.get(f"{receiver.url}/api/telemetry").json()
        assert (held["spans"], held["series"], held["logs"]) == (0, 0, 0)


def test_with_an_endpoint_the_exporters_do_connect(
    tmp_path: Path, queue_server: RedisServer
) -> None:
    """What the test before this one watches is really where the exporters would be seen."""
    with receiver_process(tmp_path) as receiver:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        with telemetry_app(tmp_path, queue_server, environment) as app:
            httpx.get(f"{app.url}/everything/7")
            deadline = time.monotonic() + 30
            while str(receiver.port) not in str(httpx.get(f"{app.url}/connected").json()):
                assert time.monotonic() < deadline


@pytest.mark.parametrize("kind", ["refuses", "never answers"])
def test_a_dead_collector_costs_no_request_and_ends_no_process(
    kind: str, tmp_path: Path, queue_server: RedisServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if kind == "never answers" else free_port()
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BLRP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60000",
        }
        with telemetry_app(tmp_path, queue_server, environment) as app:
            for number in range(20):
                assert httpx.get(f"{app.url}/everything/{number}").status_code == 200
            began = time.monotonic()
            assert app.stop() == 0
            # Each exporter alone would try for a minute.
            assert time.monotonic() - began < 20
            # Each batch of each of them would have its line.
            assert len(warnings_in(app.log)) <= 5

"""Telemetry with a real service, real libraries and the real receiver: all of it arrives with an
endpoint, nothing leaves without one, and a dead endpoint costs nothing."""

import json
import platform
import re
import socket
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.free_port import free_port
from servicekit import __version__
from tests.processes import ROOT, ModuleProcess, receiver_process
from tests.servers import RedisServer
from tests.waiting import eventually

SERVER, CLIENT = 2, 3
Span = dict[str, Any]


class TelemetryApp(ModuleProcess):
    def __init__(self, folder: Path, queue: RedisServer, environment: Mapping[str, str]) -> None:
        backing = {"QUEUE_REDIS_URL": queue.url, "DATABASE_URL": f"sqlite:///{folder / 'app.db'}"}
        super().__init__(folder, "tests.telemetry_app", {**backing, **environment})

    def ask(self, path: str, status: int = 200) -> httpx.Response:
        answer = httpx.get(f"{self.url}{path}", timeout=30)
        assert answer.status_code == status, answer.text
        return answer

    def connected(self) -> list[str]:
        """Where its exporters went; it also calls itself."""
        found = self.ask("/connected").json()
        return [address for address in found if str(self.port) not in address]

    def warnings(self) -> list[dict[str, Any]]:
        """All lines but the ordinary ones; whatever is no JSON, a traceback for one, fails."""
        lines = [json.loads(line) for line in self.output().splitlines()]
        return [line for line in lines if line["level"] != "INFO"]


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    with receiver_process(tmp_path_factory.mktemp("receiver")) as process:
        yield process


def read(receiver: ModuleProcess, path: str, status: int = 200) -> Any:
    answer = httpx.get(f"{receiver.url}/api/{path}", timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json()


def endpoint(receiver: ModuleProcess) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}


def attributes_of(record: Span) -> dict[str, Any]:
    """Of an OTLP JSON record, with the type tags taken off."""
    pairs = record.get("attributes", [])
    return {pair["key"]: next(iter(pair["value"].values()), None) for pair in pairs}


@dataclass
class Exported:
    """What one request to `/everything/7` sent, after the service had ended."""

    answer: httpx.Response
    resource: dict[str, Any]
    spans: list[Span]
    metrics: dict[str, dict[str, Any]]
    log_file: str

    def children_of(self, parent: Span) -> list[Span]:
        return [span for span in self.spans if span.get("parentSpanId") == parent["spanId"]]

    @property
    def root(self) -> Span:
        (root,) = [span for span in self.spans if not span.get("parentSpanId")]
        return root

    def named(self, name: str) -> list[Span]:
        found = [span for span in self.spans if span["name"] == name]
        assert found, f"{name!r} is not among {[span['name'] for span in self.spans]}"
        return found


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, queue_server: RedisServer, receiver: ModuleProcess
) -> Exported:
    folder = tmp_path_factory.mktemp("telemetry")
    with TelemetryApp(folder, queue_server, endpoint(receiver)) as app:
        app.ask("/readyz?verbose=1")
        answer = app.ask("/everything/7?secret=no")
        assert app.stop() == 0  # flushes, long before the next export is due
    (of_service,) = read(receiver, f"traces/{answer.json()['trace_id']}")["resourceSpans"]
    return Exported(
        answer,
        attributes_of(of_service["resource"]),
        [span for group in of_service["scopeSpans"] for span in group["spans"]],
        {metric["name"]: metric for metric in read(receiver, "metrics")["metrics"]},
        app.output(),
    )


def test_every_span_names_its_service_version_and_instance(exported: Exported) -> None:
    instance = exported.resource["service.instance.id"]
    assert re.fullmatch(rf"{re.escape(socket.gethostname())}:\d+", instance)
    assert exported.resource["service.name"] == "telemetry-app"
    assert exported.resource["service.namespace"] == "arloji"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert exported.resource["service.version"] == __version__ == project["version"]


HTTP = {"http.request.method": "GET", "http.response.status_code": "200"}
SQL = {
    "db.system.name": "sqlite",
    "db.operation.name": "SELECT",
    "db.collection.name": "sqlite_schema",
    "db.query.text": "SELECT name FROM sqlite_schema WHERE name = ?",
}
REDIS = {"db.system.name": "redis", "db.query.text": "SET ? ?", "server.address": "127.0.0.1"}


@pytest.mark.parametrize(
    ("name", "number", "kind", "attributes"),
    [
        (
            "GET /everything/{name}",
            *(1, SERVER),
            HTTP | {"http.route": "/everything/{name}", "url.path": "/everything/7"},
        ),
        # Of an included router.
        ("GET /included/{name}", 2, SERVER, {"http.route": "/included/{name}"}),
        # Through httpx, and without it.
        ("GET", 2, CLIENT, HTTP | {"server.address": "127.0.0.1"}),
        ("SET", 1, CLIENT, REDIS),
        ("SELECT sqlite_schema", 1, CLIENT, SQL),
        *((name, 1, CLIENT, {}) for name in ("BEGIN", "connect")),
    ],
)
def test_spans_follow_the_stable_conventions(
    exported: Exported, name: str, number: int, kind: int, attributes: dict[str, str]
) -> None:
    spans = exported.named(name)
    assert [span["kind"] for span in spans] == [kind] * number
    for span in spans:
        assert attributes_of(span).items() >= attributes.items()


def test_each_hop_has_exactly_one_client_span(exported: Exported) -> None:
    for span in exported.named("GET"):
        assert span["parentSpanId"] == exported.root["spanId"]
        assert attributes_of(span)["url.full"].endswith("/included/7")
        (served,) = exported.children_of(span)
        assert served["kind"] == SERVER


def test_a_trace_has_no_more_spans_and_no_other_names_than_it_should(exported: Exported) -> None:
    """No receive and send spans, no second layer, nothing of what is untraced, no key or value."""
    assert len(exported.spans) == 9
    names = {name for span in exported.spans for name in attributes_of(span)}
    assert names.isdisjoint(
        {"http.method", "http.url", "http.target", "http.status_code", "http.scheme"}
        | {"net.peer.name", "net.peer.port", "db.system", "db.statement", "db.name"}
    )
    assert "secret-" not in json.dumps(exported.spans)


def test_probes_leave_no_trace(exported: Exported, receiver: ModuleProcess) -> None:
    for probe in ("healthz", "readyz"):
        assert read(receiver, f"traces?q={probe}") == {"traces": []}


def test_a_log_line_carries_its_trace_on_both_ways(
    exported: Exported, receiver: ModuleProcess
) -> None:
    root, lines = exported.root, map(json.loads, exported.log_file.splitlines())
    sent = read(receiver, f"logs?trace_id={root['traceId']}")["logs"]
    (sent,) = [line for line in sent if line["body"] == "did everything"]
    (printed,) = [line for line in lines if line["message"] == "did everything"]
    assert sent["trace_id"] == printed["trace_id"] == root["traceId"]
    assert sent["span_id"] == printed["span_id"] == root["spanId"]
    assert sent["service"] == printed["service.name"] == "telemetry-app"
    assert sent["severity"] == printed["level"] == "INFO"
    assert sent["attributes"]["step"] == printed["step"] == "last"
    version, *ids, _flags = exported.answer.headers["traceresponse"].split("-")
    assert (version, ids) == ("00", [root["traceId"], root["spanId"]])


def test_metrics_arrive_with_their_units(exported: Exported) -> None:
    served = exported.metrics["http.server.request.duration"]
    assert (served["unit"], served["kind"]) == ("s", "histogram")
    routes = {series["attributes"].get("http.route") for series in served["series"]}
    assert routes == {"/everything/{name}", "/included/{name}"}
    names = {name for series in served["series"] for name in series["attributes"]}
    assert names.isdisjoint({"url.path", "url.full", "url.query"})
    assert "http.client.request.duration" in exported.metrics
    assert exported.metrics["arloji.test"]["series"][0]["bounds"] == [0.1, 1.0]


def test_a_process_reports_what_it_is_and_what_it_uses(exported: Exported) -> None:
    def values(name: str, attribute: str = "") -> dict[str, float]:
        series = exported.metrics[name]["series"]
        return {one["attributes"].get(attribute, ""): one["value"] for one in series}

    time_by_mode = values("process.cpu.time", "cpu.mode")
    assert time_by_mode.keys() == {"user", "system"}
    assert 0.1 < time_by_mode["user"] < 60
    assert values("process.uptime")[""] > 0
    assert 20e6 < values("process.memory.usage")[""] < 500e6
    assert 1 <= values("process.thread.count")[""] < 50
    assert 5 < values("process.unix.file_descriptor.count")[""] < 200
    assert values("cpython.gc.collections", "cpython.gc.generation").keys() == {"0", "1", "2"}
    assert values("arloji.build.info", "process.runtime.version") == {platform.python_version(): 1}
    (lag,) = exported.metrics["arloji.event_loop.lag"]["series"]
    # Ten times a second; a loop that turns is late by milliseconds.
    assert lag["count"] >= 1
    assert 0 <= lag["sum"] / lag["count"] < 0.2


def test_an_exception_is_recorded_once_with_its_stack(
    tmp_path: Path, queue_server: RedisServer, receiver: ModuleProcess
) -> None:
    """As an event of its span and as a line of the log, which name each other."""
    with TelemetryApp(tmp_path, queue_server, endpoint(receiver)) as app:
        problem = app.ask("/fail", 500)
        assert app.stop() == 0
    trace_id = problem.json()["trace_id"]
    assert problem.headers["traceresponse"].split("-")[1] == trace_id
    assert "a bug" not in problem.text
    (spans,) = read(receiver, f"traces/{trace_id}")["resourceSpans"]
    events = [
        attributes_of(event)
        for group in spans["scopeSpans"]
        for span in group["spans"]
        for event in span.get("events", [])
    ]
    (exception,) = [event for event in events if "exception.type" in event]
    assert exception["exception.type"] == "LookupError"
    assert 'raise LookupError("a bug")' in exception["exception.stacktrace"]
    (sent,) = read(receiver, f"logs?trace_id={trace_id}")["logs"]
    assert 'raise LookupError("a bug")' in sent["attributes"]["exception.stacktrace"]
    (line,) = [one for one in app.warnings() if one["level"] == "ERROR"]
    assert line["trace_id"] == trace_id
    assert app.output().count("LookupError: a bug") == 1


def test_what_does_not_fit_into_a_queue_is_counted_and_one_line_says_so(
    tmp_path: Path, queue_server: RedisServer, receiver: ModuleProcess
) -> None:
    small = {f"OTEL_{one}_MAX_QUEUE_SIZE": "8" for one in ("BSP", "BLRP")}
    batch = {f"OTEL_{one}_MAX_EXPORT_BATCH_SIZE": "8" for one in ("BSP", "BLRP")}
    instance = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=flooded"}
    with TelemetryApp(tmp_path, queue_server, endpoint(receiver) | small | batch | instance) as app:
        for _ in range(3):
            app.ask("/flood?number=500")
        assert app.stop() == 0
    for signal in ("span", "log"):
        name = f"otel.sdk.processor.{signal}.processed"
        (metric,) = read(receiver, f"metrics?name={name}")["metrics"]
        lost = {
            series["attributes"].get("error.type"): series["value"]
            for series in metric["series"]
            if series["instance"] == "flooded"
        }
        assert lost["queue_full"] > 100, lost
    (line,) = [one for one in app.warnings() if one["level"] == "WARNING"]
    assert "Queue full, dropping" in line["message"]


def test_replicas_have_instance_ids_of_their_own_and_images_their_version(
    exported: Exported, tmp_path: Path, queue_server: RedisServer, receiver: ModuleProcess
) -> None:
    """An operator's choice wins. With an endpoint the exporters do connect."""
    chosen = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=replica-2,service.version=7.8.9"}
    soon = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
    with TelemetryApp(tmp_path, queue_server, endpoint(receiver) | chosen | soon) as app:
        answer = app.ask("/everything/8")
        eventually(app.connected, lambda found: str(receiver.port) in str(found))
        assert app.stop() == 0
    (metric,) = read(receiver, "metrics?name=arloji.test")["metrics"]
    counts = {series["instance"]: series["count"] for series in metric["series"]}
    assert counts == {exported.resource["service.instance.id"]: 1, "replica-2": 1}
    (spans,) = read(receiver, f"traces/{answer.json()['trace_id']}")["resourceSpans"]
    assert attributes_of(spans["resource"])["service.version"] == "7.8.9"


EAGER = {
    **{"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BLRP_SCHEDULE_DELAY": "50"},
    "OTEL_METRIC_EXPORT_INTERVAL": "50",
}
EXPORTERS = [f"OTEL_{signal}_EXPORTER" for signal in ("TRACES", "METRICS", "LOGS")]


@pytest.mark.parametrize(
    ("environment", "lines"),
    [
        (None, 0),
        ({"OTEL_SDK_DISABLED": "true"}, 0),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 1),
        (dict.fromkeys(EXPORTERS, "none"), 0),
    ],
    ids=["no endpoint", "disabled", "another protocol", "no exporter"],
)
def test_where_nothing_is_to_be_sent_nothing_is_and_trace_ids_exist(
    environment: dict[str, str] | None,
    lines: int,
    tmp_path: Path,
    queue_server: RedisServer,
    receiver: ModuleProcess,
) -> None:
    given = {} if environment is None else endpoint(receiver) | environment
    with TelemetryApp(tmp_path, queue_server, EAGER | given) as app:
        answer, problem = app.ask("/everything/7"), app.ask("/missing", 404)
        began = time.monotonic()
        while time.monotonic() - began < 0.5:  # many times what an exporter would wait
            app.ask("/included/8")
        assert app.connected() == []
        assert app.stop() == 0
    assert len(app.warnings()) == lines
    assert "opentelemetry.exporter" not in app.output()  # not even an attempt at the end
    trace_id = answer.json()["trace_id"]
    assert answer.headers["traceresponse"].split("-")[1] == trace_id
    assert f'"trace_id": "{trace_id}"' in app.output()
    assert problem.json()["trace_id"] == problem.headers["traceresponse"].split("-")[1]
    assert set(trace_id) != {"0"}
    read(receiver, f"traces/{trace_id}", 404)


# What shells and CI systems carry for other programs, some of it at once; each by itself is in
# tests/unit/servicekit/telemetry/test_environment.py.
OTHERS_TELEMETRY = {
    "OTEL_PROPAGATORS": "tracecontext,b3,jaeger",
    "OTEL_PYTHON_CONTEXT": "their_context",
    "OTEL_PYTHON_TRACER_PROVIDER": "their_provider",
    "OTEL_RESOURCE_ATTRIBUTES": "team=shop,broken,,=",
    "OTEL_TRACES_SAMPLER": "sometimes",
    "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
    "OTEL_METRIC_EXPORT_INTERVAL": "abc",
    "OTEL_LOGS_EXPORTER": "console",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many",
    "OTEL_METRICS_EXEMPLAR_FILTER": "some",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "their_detector",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "nonsense",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret-of-theirs,broken",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "brotli",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "ten",
}


def test_variables_of_other_programs_are_one_line_and_cost_nothing(
    tmp_path: Path, queue_server: RedisServer, receiver: ModuleProcess
) -> None:
    """The endpoint is for traces alone."""
    traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.url}/v1/traces"}
    with TelemetryApp(tmp_path, queue_server, OTHERS_TELEMETRY | traces) as app:
        trace_id = app.ask("/everything/7").json()["trace_id"]
        assert app.stop() == 0
    (line,) = app.warnings()
    assert [name for name in OTHERS_TELEMETRY if name not in line["message"]] == []
    assert "secret-of-theirs" not in app.output()
    (spans,) = read(receiver, f"traces/{trace_id}")["resourceSpans"]
    about = attributes_of(spans["resource"])
    assert (about["service.name"], about["team"]) == ("telemetry-app", "shop")
    assert read(receiver, f"logs?trace_id={trace_id}")["logs"] == []
    uptime = read(receiver, "metrics?name=process.uptime")["metrics"]
    assert about["service.instance.id"] not in json.dumps(uptime)


@pytest.mark.parametrize("kind", ["refuses", "never answers"])
def test_a_dead_collector_costs_no_request_and_ends_no_process(
    kind: str, tmp_path: Path, queue_server: RedisServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if kind == "never answers" else free_port()
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "60000",
        }
        with TelemetryApp(tmp_path, queue_server, EAGER | environment) as app:
            for number in range(20):
                app.ask(f"/everything/{number}")
            began = time.monotonic()
            assert app.stop() == 0
            # Each exporter alone would try for a minute.
            assert time.monotonic() - began < 20
        # Each batch of each of them would have its line.
        assert len(app.warnings()) <= 5

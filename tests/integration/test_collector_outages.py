"""What the collector keeps while a store is away, or while it is away itself, and what it hides:
spans, log records and metrics of the real SDK."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_trace_id

from bootstrap.collector_queue import put_torn_files_aside
from tests.collectors import Pipeline, running_pipeline
from tests.telemetry_stores import eventually

RESOURCE = Resource(
    {"service.name": "sdk", "service.namespace": "arloji", "process.pid": 4711, "host.id": "x"}
)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("telemetry")) as running:
        yield running


@pytest.fixture
def logger(pipeline: Pipeline) -> Iterator[logging.Logger]:
    """Sends each record at once, with the SDK's own exporter."""
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPLogExporter(endpoint=f"{pipeline.collector.otlp_url}/v1/logs")
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = logging.getLogger("tests.sender")
    handler = LoggingHandler(logger_provider=provider)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)
    provider.shutdown()


@pytest.fixture
def send_span(pipeline: Pipeline) -> Iterator[Callable[..., str]]:
    """Returns the id of its trace."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{pipeline.collector.otlp_url}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def send(**attributes: str) -> str:
        named = {name.replace("_", "."): value for name, value in attributes.items()}
        with provider.get_tracer("tests").start_as_current_span("work", attributes=named) as span:
            return format_trace_id(span.get_span_context().trace_id)

    yield send
    provider.shutdown()


def messages(pipeline: Pipeline, prefix: str) -> list[str]:
    return [line["_msg"] for line in pipeline.logs.query(f'_msg:~"^{prefix} "')]


def spans_of(pipeline: Pipeline, trace_id: str) -> str:
    """As OTLP JSON, empty while it has not arrived."""
    answer = httpx.get(f"{pipeline.receiver.url}/api/traces/{trace_id}")
    return answer.text if answer.is_success else ""


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("mail to kanari+shop@example.co.id failed", "mail to **** failed"),
        ("GET /api/orders?email=kanari%40example.com", "GET /api/orders?email=****"),
        ("card 4111 1111 1111 1111 refused", "card **** refused"),
        ("header Authorization: Bearer abcdefgh.ijkl", "header Authorization: ****"),
        # As many digits as a card has: the time and the id of a stream entry.
        ("entry 1795536127009-0 at 1795536127009", "entry 1795536127009-0 at 1795536127009"),
    ],
)
def test_personal_values_are_masked_in_messages(
    pipeline: Pipeline, logger: logging.Logger, text: str, stored: str
) -> None:
    logger.warning("masked %s", text, extra={"case": text[:9]})
    line = pipeline.line(f'_msg:~"^masked " case:="{text[:9]}"')
    assert line["_msg"] == f"masked {stored}"
    assert line["severity_text"] == "WARN"


def test_personal_attributes_are_masked_by_their_name(
    pipeline: Pipeline, logger: logging.Logger, send_span: Callable[..., str]
) -> None:
    logger.info("attributes", extra={"customer.name": "Kanari", "mysql.rows": "3"})
    line = pipeline.line("_msg:=attributes")
    assert line["customer.name"] == "****"
    assert line["mysql.rows"] == "3"
    trace_id = send_span(
        customer_address="Jl. Kanari 1",
        url_query="mail=kanari@example.com",
        client_address="10.1.2.3",
    )
    text = eventually(lambda: spans_of(pipeline, trace_id))
    assert "anari" not in text
    assert '"10.1.2.0"' in text


def test_a_store_that_comes_back_gets_everything_once(
    pipeline: Pipeline, logger: logging.Logger
) -> None:
    pipeline.logs.stop()
    for number in range(20):
        logger.info("outage %d", number)
    pipeline.logs.start()
    expected = [f"outage {number}" for number in range(20)]
    eventually(lambda: len(messages(pipeline, "outage")) >= len(expected))
    assert messages(pipeline, "outage") == expected


def test_what_waits_survives_the_collector_itself(
    pipeline: Pipeline, logger: logging.Logger, send_span: Callable[..., str]
) -> None:
    """Killed, not stopped. What was just being sent may be sent twice."""
    pipeline.logs.stop()
    for number in range(20):
        logger.info("killed %d", number)
    pipeline.collector.stop(signal.SIGKILL)
    pipeline.collector.start()
    pipeline.logs.start()
    expected = {f"killed {number}" for number in range(20)}
    eventually(lambda: set(messages(pipeline, "killed")) == expected)
    # And it takes what comes after.
    trace_id = send_span()
    eventually(lambda: spans_of(pipeline, trace_id))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty_its_head(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(3 * 4096))


@pytest.mark.parametrize("tear", [cut_in_half, empty_its_head])
def test_a_queue_that_a_power_cut_has_torn_is_put_aside_by_the_next_up(
    pipeline: Pipeline, logger: logging.Logger, tear: Callable[[Path], None]
) -> None:
    """Without that the collector ends at each start."""
    queue = pipeline.collector.queue
    assert put_torn_files_aside(queue) == [], "a running collector's files are its own"
    pipeline.collector.stop(signal.SIGKILL)
    assert put_torn_files_aside(queue) == [], "a kill tears nothing"
    files = sorted(path.name for path in queue.iterdir() if path.suffix != ".torn")
    for name in files:
        tear(queue / name)
    assert put_torn_files_aside(queue) == files
    pipeline.collector.start()
    logger.info("torn %s", tear.__name__)
    eventually(lambda: messages(pipeline, "torn")[-1:] == [f"torn {tear.__name__}"])


def test_a_store_that_is_away_does_not_hold_up_the_others(
    pipeline: Pipeline, logger: logging.Logger, send_span: Callable[..., str]
) -> None:
    pipeline.metrics.stop()
    logger.info("beside %d", 1)
    trace_id = send_span()
    eventually(lambda: messages(pipeline, "beside") and spans_of(pipeline, trace_id))
    pipeline.metrics.start()
    eventually(
        lambda: pipeline.metrics.query('traces_span_metrics_calls_total{service_name="sdk"}')
    )


def test_resource_attributes_that_nobody_chose_are_no_labels(pipeline: Pipeline) -> None:
    exporter = OTLPMetricExporter(endpoint=f"{pipeline.collector.otlp_url}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter)
    provider = MeterProvider(metric_readers=[reader], resource=RESOURCE, shutdown_on_exit=False)
    meter = provider.get_meter("a scope", "1.0")
    meter.create_counter("arloji.test.bytes", "By").add(3, {"kind": "x"})
    meter.create_histogram("arloji.test.time", "s").record(0.3)
    provider.shutdown()
    (sample,) = eventually(lambda: pipeline.metrics.query("arloji_test_bytes_total"))
    assert sample["value"][1] == "3"
    assert sample["metric"] == {
        "__name__": "arloji_test_bytes_total",
        "service_name": "sdk",
        "service_namespace": "arloji",
        "kind": "x",
    }
    # Buckets that every tool for Prometheus understands.
    buckets = pipeline.metrics.query("arloji_test_time_seconds_bucket")
    assert {"0.25", "0.5", "+Inf"} & {one["metric"]["le"] for one in buckets}
    assert json.dumps(buckets).count("4711") == 0

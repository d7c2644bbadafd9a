"""What the collector keeps of spans, log records and metrics of the real SDK while a store is away,
or while it is away itself."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from bootstrap.collector_queue import put_torn_files_aside
from tests.collector_senders import (
    messages,
    resource_of,
    sending_logs,
    sending_spans,
    spans_of,
    trace_id_of,
)
from tests.collectors import Pipeline, running_pipeline
from tests.telemetry_stores import eventually


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path_factory.mktemp("telemetry")) as running:
        yield running


@pytest.fixture
def logger(pipeline: Pipeline) -> Iterator[logging.Logger]:
    with sending_logs(pipeline) as logger:
        yield logger


@pytest.fixture
def send_span(pipeline: Pipeline) -> Iterator[Callable[[], str]]:
    """Returns the id of its trace."""
    with sending_spans(pipeline) as tracer:

        def send() -> str:
            with tracer.start_as_current_span("work") as span:
                return trace_id_of(span)

        yield send


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
    pipeline: Pipeline, logger: logging.Logger, send_span: Callable[[], str]
) -> None:
    """Killed, not stopped. What was just being sent may be sent twice."""
    stores = (pipeline.logs, pipeline.receiver)
    for store in stores:
        store.stop()
    # These first: the sampler holds a span for a moment after it was taken (decision 57).
    traces = [send_span() for _ in range(20)]
    for number in range(20):
        logger.info("killed %d", number)
    pipeline.collector.stop(signal.SIGKILL)
    pipeline.collector.start()
    for store in stores:
        store.start()
    expected = {f"killed {number}" for number in range(20)}
    eventually(lambda: set(messages(pipeline, "killed")) == expected)
    eventually(lambda: all(spans_of(pipeline, one) for one in traces))
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
    pipeline: Pipeline, logger: logging.Logger, send_span: Callable[[], str]
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
    provider = MeterProvider(
        metric_readers=[reader], resource=resource_of("sdk"), shutdown_on_exit=False
    )
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

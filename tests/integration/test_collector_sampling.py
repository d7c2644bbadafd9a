"""Which traces are kept when only a share of them is, and that figures are of all of them."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from opentelemetry.trace import Span, Tracer, use_span

from tests.collector_senders import sending_spans, spans_of, trace_id_of
from tests.collectors import Pipeline, running_pipeline
from tests.telemetry_stores import eventually

ORDINARY, PERCENT = 120, 40
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    changes = {"metrics_flush_interval: 10s": "metrics_flush_interval: 1s"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACES_PERCENT", str(PERCENT))
        with running_pipeline(tmp_path_factory.mktemp("telemetry"), changes=changes) as running:
            yield running


@pytest.fixture(scope="module")
def frontend(pipeline: Pipeline) -> Iterator[Tracer]:
    with sending_spans(pipeline, "frontend") as tracer:
        yield tracer


@pytest.fixture(scope="module")
def backend(pipeline: Pipeline) -> Iterator[Tracer]:
    with sending_spans(pipeline, "backend") as tracer:
        yield tracer


def request(frontend: Tracer, backend: Tracer, *, seconds: float = 0, fails: bool = False) -> Span:
    """Two services, whose spans arrive one after the other; the inner one, which comes first, does
    not know yet whether the request is slow."""
    begun = time.time_ns()
    root = frontend.start_span("GET /", start_time=begun)
    with suppress(RuntimeError), use_span(root), frontend.start_as_current_span("call"):
        backend.start_span("answer").end()
        if fails:
            raise RuntimeError
    root.end(begun + int(seconds * SECOND))
    return root


def kept_spans(pipeline: Pipeline, root: Span) -> int:
    return spans_of(pipeline, trace_id_of(root)).count('"spanId"')


@pytest.mark.parametrize(("seconds", "fails"), [(0, True), (0.6, False)], ids=["error", "slow"])
def test_every_trace_with_an_error_or_a_slow_span_is_kept_whole(
    pipeline: Pipeline, frontend: Tracer, backend: Tracer, seconds: float, fails: bool
) -> None:
    roots = [request(frontend, backend, seconds=seconds, fails=fails) for _ in range(20)]
    for root in roots:
        eventually(lambda root=root: kept_spans(pipeline, root) == 3)


def test_of_the_others_the_share_is_kept_each_whole_or_not_at_all(
    pipeline: Pipeline, frontend: Tracer, backend: Tracer
) -> None:
    roots = [request(frontend, backend) for _ in range(ORDINARY)]
    # Its end decides about what still waits.
    metrics = pipeline.metrics
    counted = f'sum(traces_span_metrics_calls_total{{span_name="answer"}}) >= {ORDINARY + 40}'
    eventually(lambda: metrics.query(counted))
    pipeline.collector.stop()
    found = [kept_spans(pipeline, root) for root in roots]
    assert set(found) == {0, 3}
    # Five times the standard deviation of a fair choice.
    assert abs(found.count(3) - ORDINARY * PERCENT / 100) < 27

"""The whole shop at 20 requests a second while no store answers, and while the collector itself is
slow, full or dead: nothing is lost that its queues can hold, and customers notice nothing.

An outage of ten minutes is 10 s here, with queues smaller by as much; LONG_TESTS takes it whole."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from tests.collector_senders import sending_logs, spans_of
from tests.collectors import Pipeline, running_pipeline
from tests.e2e.conftest import Guest
from tests.stack import RunningStack
from tests.telemetry_stores import ask, eventually

RATE, EXPORT_SECONDS = 20, 2
LONG = bool(os.environ.get("LONG_TESTS"))
OUTAGE_SECONDS, PHASE_SECONDS = (600, 30) if LONG else (10, 3)
QUEUE_BYTES = 134_217_728
# How many traces the receiver keeps.
KEPT_TRACES = 900


# Four fifths of its container's memory: compose.
REFUSES_MIB = 0.8 * 224


def own_mib(pid: int) -> float:
    """Without the pages of its queues' files, which the kernel may drop."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = re.findall(r"^RssAnon:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kib) / 1024


@dataclass
class Answers:
    trace_ids: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)]


@dataclass
class Watched:
    pipeline: Pipeline
    shop: RunningStack

    def browse_and_order(self, seconds: float) -> Answers:
        """Each request in its slot, whatever the one before took."""
        answers, slots = Answers(), threading.Event()
        with closing(Guest(self.shop.shop_url)) as guest:
            product = guest.product()
            paths = ("/", f"/products/{product['slug']}", "/api/products?q=jam")
            begun = time.monotonic()
            for number in range(int(seconds * RATE)):
                slots.wait(begun + number / RATE - time.monotonic())
                asked = time.monotonic()
                if number % 4 == 3:
                    answer = guest.post_order({product["product_id"]: 1})
                else:
                    answer = guest.http.get(paths[number % 4])
                answers.seconds.append(time.monotonic() - asked)
                assert answer.is_success, answer.text
                answers.trace_ids.append(answer.headers["traceresponse"].split("-")[1])
        return answers

    def collector_counts(self, pattern: str) -> float:
        text = ask(self.pipeline.collector.metrics_url).text
        return sum(float(n) for n in re.findall(rf"^(?:{pattern}){{.*}} (\S+)$", text, re.M))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    bound = QUEUE_BYTES * OUTAGE_SECONDS // 600
    changes = {f"queue_size: {QUEUE_BYTES}": f"queue_size: {bound}"}
    with running_pipeline(folder, changes=changes) as pipeline:
        options = ["--set", f"all.OTEL_EXPORTER_OTLP_ENDPOINT={pipeline.collector.otlp_url}"]
        options += ["--set", f"all.OTEL_METRIC_EXPORT_INTERVAL={EXPORT_SECONDS * 1000}"]
        with RunningStack(folder / "shop", options=options) as shop:
            yield Watched(pipeline, shop)


def test_nothing_is_lost_while_no_store_answers(watched: Watched) -> None:
    pipeline = watched.pipeline
    stores = (pipeline.metrics, pipeline.logs, pipeline.receiver)
    uptime = 'process_uptime_seconds{service_name="frontend"}'
    eventually(lambda: pipeline.metrics.query(uptime))
    for store in stores:
        store.stop()
    answers = watched.browse_and_order(OUTAGE_SECONDS)
    ended = time.time()
    for store in stores:
        store.start()
    held = []

    def delivered() -> bool:
        held.append(own_mib(pipeline.collector.pid))
        return pipeline.collector.has_delivered()

    eventually(delivered, 300)
    print(f"the collector held {max(held):.0f} MiB while it delivered")  # noqa: T201 (docs)
    assert max(held) < REFUSES_MIB
    missing = [one for one in answers.trace_ids[-KEPT_TRACES:] if not spans_of(pipeline, one)]
    assert missing == []
    # Every point of a metric: without one of them there would be twice the interval between two.
    (points,) = pipeline.metrics.query(f"{uptime}[{OUTAGE_SECONDS}s]", at=ended)
    times = [ended - OUTAGE_SECONDS, *(at for at, _ in points["values"]), ended]
    assert max(after - before for before, after in pairwise(times)) < 2 * EXPORT_SECONDS
    # By the collector's own account every signal came through whole.
    assert watched.collector_counts("otelcol_exporter_enqueue_failed_[a-z_]+") == 0
    for records in ("spans", "log_records"):
        accepted, sent = (
            watched.collector_counts(f"otelcol_{part}_{records}_total")
            for part in ("receiver_accepted", "exporter_sent")
        )
        assert accepted == sent > 0


def test_customers_do_not_notice_a_collector_that_is_slow_full_or_dead(watched: Watched) -> None:
    pipeline = watched.pipeline
    collector, healthy = pipeline.collector, watched.browse_and_order(PHASE_SECONDS).p99
    found = {}
    collector.send(signal.SIGSTOP)
    found["slow"] = watched.browse_and_order(PHASE_SECONDS).p99
    collector.stop(signal.SIGKILL)
    found["dead"] = watched.browse_and_order(PHASE_SECONDS).p99
    fill(pipeline)
    found["full"] = watched.browse_and_order(PHASE_SECONDS).p99
    assert watched.collector_counts("otelcol_exporter_enqueue_failed_log_records_total") > 0
    # Whoever waited for it would wait for seconds.
    assert {name: p99 for name, p99 in found.items() if p99 > 2 * healthy + 0.1} == {}, healthy


def fill(pipeline: Pipeline) -> None:
    """The queue of log lines, of 1 MiB now, while its store is away."""
    pipeline.logs.stop()
    files = [argument for argument in pipeline.collector.command if argument.endswith(".yaml")]
    for file in files:
        with open(file, "r+") as stream:
            text = re.sub(r"queue_size: \d+", "queue_size: 1048576", stream.read())
            stream.seek(0)
            stream.write(text)
            stream.truncate()
    pipeline.collector.start()
    with sending_logs(pipeline, timeout_seconds=0.5) as logger:
        for _ in range(20):
            logger.info("x" * 60_000)

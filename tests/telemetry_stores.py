"""The collector and two of its stores as processes of one test, with the very flags and files of
the compose stack; only folders and addresses differ. Built from Go, or the test is skipped."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml

from benchmarks.processes import free_port
from tests import waiting
from tests.processes import ModuleProcess, Process, answers, receiver_process
from tests.promql import OBSERVABILITY
from tests.servers import running
from tools.go_programs.build import find_built

PATIENCE_SECONDS = 60
T = TypeVar("T")


def go_server(name: str) -> Path:
    """The program as it was built for the stand-in images."""
    found = find_built(name)
    if found is None:
        pytest.skip(f"{name} is not built (python -m tools.offline_images builds it)")
    return found


def eventually(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """The first result that is true; a store that is asked too often has no time to take in."""
    found: T = waiting.eventually(look, seconds=seconds, pause_seconds=0.2)
    return found


def compose_flags(service: str, without: Iterable[str]) -> list[str]:
    """What compose starts it with, less the flags that name a place there."""
    services = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    left_out = tuple(f"-{name}=" for name in without)
    return [flag for flag in services[service]["command"] if not flag.startswith(left_out)]


def ask(url: str, method: str = "GET", params: Mapping[str, str] | None = None) -> httpx.Response:
    # Plain http: loading certificates would take longer than the answer.
    answer = httpx.request(method, url, params=params, timeout=30, verify=False)
    assert answer.is_success, answer.text
    return answer


class MetricsStore:
    """A VictoriaMetrics at this address, asked for what it has now, the newest included."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, query: str) -> list[dict[str, Any]]:
        """`{"metric": labels, "value": [time, text]}` for each series."""
        # The end of the range is otherwise 30 s ago.
        data = self._ask("query", {"query": query, "latency_offset": "1ms"})
        return list(data["result"])

    def query_range(self, query: str, seconds: int) -> list[dict[str, Any]]:
        """As a panel asks, back from now: `{"metric": labels, "values": [[time, text], …]}`."""
        now = time.time()
        times = {"start": str(now - seconds), "end": str(now), "step": "15s"}
        parameters = {"query": query, "latency_offset": "1ms", **times}
        return list(self._ask("query_range", parameters)["result"])

    def labels(self, selector: str) -> list[dict[str, str]]:
        """Of each series that matches, its name included."""
        found: list[dict[str, str]] = self._ask("series", {"match[]": selector})
        return found

    def names(self) -> set[str]:
        return set(self._ask("label/__name__/values", {}))

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        ask(f"{self.url}/internal/force_flush", "POST")
        return ask(f"{self.url}/api/v1/{what}", params=parameters).json()["data"]


class LogsStore:
    """A VictoriaLogs at this address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, query: str) -> list[dict[str, str]]:
        """Every field of each matching line, oldest first."""
        answer = self._ask("query", {"query": query})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return sorted(lines, key=lambda line: str(line.get("_time")).rstrip("Z"))

    def query_range(self, query: str, seconds: int) -> list[dict[str, Any]]:
        """Of a query with `stats`, as a panel asks."""
        now = time.time()
        times = {"start": str(now - seconds), "end": str(now), "step": "15s"}
        found: list[dict[str, Any]] = self._ask(
            "stats_query_range", {"query": query, **times}
        ).json()["data"]["result"]
        return found

    def _ask(self, what: str, parameters: Mapping[str, str]) -> httpx.Response:
        ask(f"{self.url}/internal/force_flush")
        return ask(f"{self.url}/select/logsql/{what}", params=parameters)


class VictoriaMetrics(Process, MetricsStore):
    def __init__(self, folder: Path) -> None:
        MetricsStore.__init__(self, f"http://127.0.0.1:{(port := free_port())}")
        flags = compose_flags(
            "victoria-metrics",
            without=("storageDataPath", "promscrape.config", "vmalert.proxyURL"),
        )
        command = [str(go_server("victoria-metrics")), *flags, f"-httpListenAddr=127.0.0.1:{port}"]
        command.append(f"-storageDataPath={folder / 'metrics'}")
        log = folder / "victoria-metrics.log"
        Process.__init__(self, command, log, lambda: answers(f"{self.url}/ready"))


class VictoriaLogs(Process, LogsStore):
    def __init__(self, folder: Path) -> None:
        LogsStore.__init__(self, f"http://127.0.0.1:{(port := free_port())}")
        flags = compose_flags("victoria-logs", without=("storageDataPath",))
        command = [str(go_server("victoria-logs")), *flags, f"-httpListenAddr=127.0.0.1:{port}"]
        command.append(f"-storageDataPath={folder / 'logs'}")
        log = folder / "victoria-logs.log"
        Process.__init__(self, command, log, lambda: answers(f"{self.url}/health"))


class Collector(Process):
    """Reads the log files in `logs` as the compose stack's reads /var/log/infra."""

    def __init__(self, folder: Path, *, metrics: str, logs: str, traces: str) -> None:
        self.logs = folder / "infra"
        for server in ("nginx", "mysql", "queue-redis", "cache-redis"):
            (self.logs / server).mkdir(parents=True, exist_ok=True)
        self.otlp_url = f"http://127.0.0.1:{(otlp := free_port())}"
        health, own = free_port(), free_port()
        self.metrics_url = f"http://127.0.0.1:{own}/metrics"
        self.queue = folder / "queue"
        config = _relocated(
            (OBSERVABILITY / "collector" / "config.yaml").read_text(),
            {
                "/var/log/infra": str(self.logs),
                "/var/lib/otelcol": str(self.queue),
                "0.0.0.0:4318": f"127.0.0.1:{otlp}",
                "0.0.0.0:4317": f"127.0.0.1:{free_port()}",
                "0.0.0.0:13133": f"127.0.0.1:{health}",
                "host: 0.0.0.0, port: 8888": f"host: 127.0.0.1, port: {own}",
                "http://victoria-metrics:8428": metrics,
                "http://victoria-logs:9428": logs,
                "${env:TRACES_ENDPOINT:-http://victoria-traces:10428/insert/opentelemetry"
                "/v1/traces}": f"{traces}/v1/traces",
            },
        )
        path = folder / "collector.yaml"
        path.write_text(config)
        command = [str(go_server("otelcol-contrib")), "--config", str(path)]
        super().__init__(
            command, folder / "collector.log", lambda: answers(f"http://127.0.0.1:{health}/")
        )

    def append(self, file: str, text: str) -> None:
        with (self.logs / file).open("a") as log:
            log.write(text)

    def has_delivered(self) -> bool:
        """Whether every queue is empty, by the collector's own account."""
        lines = ask(self.metrics_url).text.splitlines()
        sizes = [line for line in lines if line.startswith("otelcol_exporter_queue_size{")]
        return bool(sizes) and all(float(line.rpartition(" ")[2]) == 0 for line in sizes)


def _relocated(config: str, places: Mapping[str, str]) -> str:
    for there, here in places.items():
        assert there in config, f"the collector's configuration does not name {there}"
        config = config.replace(there, here)
    return config


class Pipeline:
    """A collector between senders and stores: metrics and logs in theirs, traces in the project's
    own receiver."""

    def __init__(self, folder: Path, receiver: ModuleProcess) -> None:
        self.metrics, self.logs = VictoriaMetrics(folder), VictoriaLogs(folder)
        self.receiver = receiver
        self.collector = Collector(
            folder, metrics=self.metrics.url, logs=self.logs.url, traces=receiver.url
        )

    def line(self, query: str) -> dict[str, str]:
        """The one log line that matches, once it has arrived."""
        (found,) = eventually(lambda: self.logs.query(query))
        return found


@contextmanager
def running_pipeline(folder: Path) -> Iterator[Pipeline]:
    with receiver_process(folder) as receiver:
        pipeline = Pipeline(folder, receiver)
        servers = (pipeline.metrics, pipeline.logs, pipeline.collector)
        with ExitStack() as stack:
            for server in servers:
                stack.enter_context(running(server))
            yield pipeline

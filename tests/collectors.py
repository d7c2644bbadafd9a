"""The collector as processes of one test, with the very files of compose or of Kubernetes; only
folders and addresses differ. Built from Go, or the test is skipped."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from local.free_port import free_port
from tests.processes import CLEAN, ModuleProcess, Process, answers, receiver_process
from tests.promql import OBSERVABILITY
from tests.servers import running
from tests.telemetry_stores import VictoriaLogs, VictoriaMetrics, ask, eventually, go_server

_OWN_METRICS = "host: 0.0.0.0, port: 8888"


class Collector(Process):
    """What compose runs: it reads the log files in `logs` as the other does /var/log/infra. With
    `added` kubernetes.yaml it is the gateway of Kubernetes and reads none. `changes` are texts of
    the configuration and what is there instead."""

    def __init__(
        self,
        folder: Path,
        *,
        metrics: str,
        logs: str,
        traces: str,
        added: str = "compose.yaml",
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.logs = folder / "infra"
        for server in ("nginx", "mysql", "queue-redis", "cache-redis"):
            (self.logs / server).mkdir(parents=True, exist_ok=True)
        self.otlp_url = f"http://127.0.0.1:{(otlp := free_port())}"
        health, own = free_port(), free_port()
        self.metrics_url = f"http://127.0.0.1:{own}/metrics"
        self.queue = folder / "queue"
        places = {
            "/var/lib/otelcol": str(self.queue),
            "0.0.0.0:4318": f"127.0.0.1:{otlp}",
            "0.0.0.0:4317": f"127.0.0.1:{free_port()}",
            "0.0.0.0:13133": f"127.0.0.1:{health}",
            _OWN_METRICS: f"host: 127.0.0.1, port: {own}",
            "http://victoria-metrics:8428": metrics,
            "http://victoria-logs:9428": logs,
            "${env:TRACES_ENDPOINT:-http://victoria-traces:10428/insert/opentelemetry"
            "/v1/traces}": f"{traces}/v1/traces",
            **(changes or {}),
        }
        if added == "compose.yaml":
            places["/var/log/infra"] = str(self.logs)
        super().__init__(
            _relocated(folder, ("config.yaml", "derived.yaml", added), places),
            folder / "collector.log",
            lambda: answers(f"http://127.0.0.1:{health}/"),
        )

    def append(self, file: str, text: str) -> None:
        with (self.logs / file).open("a") as log:
            log.write(text)

    def has_delivered(self) -> bool:
        """Whether every queue is empty, by the collector's own account."""
        lines = ask(self.metrics_url).text.splitlines()
        sizes = [line for line in lines if line.startswith("otelcol_exporter_queue_size{")]
        return bool(sizes) and all(float(line.rpartition(" ")[2]) == 0 for line in sizes)


class Agent(Process):
    """What a node of Kubernetes runs: it reads `pods` as the other does /var/log/pods, and sends
    to a gateway."""

    def __init__(self, folder: Path, gateway_url: str) -> None:
        self.pods = folder / "pods"
        self.pods.mkdir()
        health = free_port()
        places = {
            "/var/log/pods": str(self.pods),
            "/var/lib/otelcol": str(folder / "agent"),
            "0.0.0.0:13133": f"127.0.0.1:{health}",
            _OWN_METRICS: f"host: 127.0.0.1, port: {free_port()}",
            "http://otel-collector.arloji:4318": gateway_url,
        }
        super().__init__(
            _relocated(folder, ("agent.yaml", "derived.yaml"), places),
            folder / "agent.log",
            lambda: answers(f"http://127.0.0.1:{health}/"),
            env=CLEAN | {"NODE_NAME": "node-1"},
        )


def _relocated(folder: Path, files: tuple[str, ...], places: Mapping[str, str]) -> list[str]:
    """The command that runs the collector with these files, each place in them replaced."""
    texts = {file: (OBSERVABILITY / "collector" / file).read_text() for file in files}
    command = [str(go_server("otelcol-contrib"))]
    for file, text in texts.items():
        for there, here in places.items():
            assert any(there in one for one in texts.values()), f"{files} do not name {there}"
            text = text.replace(there, here)
        (folder / file).write_text(text)
        command += ["--config", str(folder / file)]
    return command


class Pipeline:
    """A collector between senders and stores: metrics and logs in theirs, traces in the project's
    own receiver."""

    def __init__(
        self,
        folder: Path,
        receiver: ModuleProcess,
        added: str = "compose.yaml",
        changes: Mapping[str, str] | None = None,
    ) -> None:
        self.metrics, self.logs = VictoriaMetrics(folder), VictoriaLogs(folder)
        self.receiver = receiver
        self.collector = Collector(
            folder,
            metrics=self.metrics.url,
            logs=self.logs.url,
            traces=receiver.url,
            added=added,
            changes=changes,
        )

    def line(self, query: str) -> dict[str, str]:
        """The one log line that matches, once it has arrived."""
        (found,) = eventually(lambda: self.logs.query(query))
        return found


@contextmanager
def running_pipeline(
    folder: Path, added: str = "compose.yaml", changes: Mapping[str, str] | None = None
) -> Iterator[Pipeline]:
    with receiver_process(folder) as receiver:
        pipeline = Pipeline(folder, receiver, added, changes)
        servers = (pipeline.metrics, pipeline.logs, pipeline.collector)
        with ExitStack() as stack:
            for server in servers:
                stack.enter_context(running(server))
            yield pipeline

"""Logs of pods, as a node of Kubernetes keeps them, through the real agent and gateway into the
real VictoriaLogs: the same lines become the same records as from compose's files."""

import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import server_lines
from tests.collectors import Agent, Pipeline, running_pipeline
from tests.integration.test_collector_logs import LINES, NOW, WRITTEN
from tests.servers import running
from tests.telemetry_stores import eventually

POD_ID = "3f9b1f0e-52e3-4c1e-9d0c-0a3b5c6d7e8f"
SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")
STDOUT, STDERR = "stdout", "stderr"
# What each container of compose keeps in files, by the stream that it writes to on Kubernetes.
STREAMS = (
    ("ingress", STDOUT, "nginx/access.log"),
    ("ingress", STDERR, "nginx/error.log"),
    ("mysql", STDERR, "mysql/error.log"),
    ("mysql", STDOUT, "mysql/slow.log"),
    ("queue-redis", STDOUT, "queue-redis/redis.log"),
)
# The runtime splits what is longer, and the agent joins it: compose's file is cut there.
LONGEST = 16_384
(JOINED,) = (query for query in LINES if query.endswith(":=cut"))
EXPECTED = {**LINES, JOINED: {"_msg": r"update t set a=\?;"}}


def as_runtime_writes(text: str, stream: str) -> str:
    """In the format of the container runtime interface
    (https://github.com/kubernetes/design-proposals-archive: node/kubelet-cri-logging.md)."""
    written = []
    for line in text.splitlines():
        parts = [line[at : at + LONGEST] for at in range(0, max(1, len(line)), LONGEST)]
        for part in parts:
            tag = "F" if part is parts[-1] else "P"
            written.append(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z {stream} {tag} {part}\n")
    return "".join(written)


class Pods:
    """What the agent sees of a node."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def log(self, container: str, namespace: str = "arloji") -> Path:
        pod = f"{namespace}_{container}-0_{POD_ID}"
        log = self.agent.pods / pod / container / "0.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return log

    def write(
        self, container: str, text: str, stream: str = STDOUT, namespace: str = "arloji"
    ) -> None:
        with self.log(container, namespace).open("a") as log:
            log.write(as_runtime_writes(text, stream))


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("telemetry")
    with running_pipeline(folder, "kubernetes.yaml") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def pods(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    agent = Agent(tmp_path_factory.mktemp("node"), pipeline.collector.otlp_url)
    with running(agent):
        pods = Pods(agent)
        for container, stream, file in STREAMS:
            pods.write(container, WRITTEN[file], stream)
        yield pods


@pytest.mark.parametrize("query", EXPECTED, ids=lambda query: query[-40:])
def test_a_line_of_a_pod_arrives_as_that_of_compose_s_file(
    pipeline: Pipeline, pods: Pods, query: str
) -> None:
    line = pipeline.line(query)
    wrong = {
        name: line.get(name, "")
        for name, pattern in EXPECTED[query].items()
        if not re.fullmatch(pattern, line.get(name, ""))
    }
    assert wrong == {}
    assert (line["k8s.namespace.name"], line["k8s.node.name"]) == ("arloji", "node-1")
    container = line["service.name"].replace("nginx", "ingress")
    assert (line["k8s.container.name"], line["k8s.pod.name"]) == (container, f"{container}-0")
    assert line["k8s.pod.uid"] == POD_ID
    time = datetime.fromisoformat(line["_time"]).astimezone(UTC)
    # Less than the second that nginx's error log drops, unless the line has no time of its own.
    assert abs((time - NOW).total_seconds()) < 1 or "signal-handler" in query


def test_what_clients_wrote_is_in_no_line(pipeline: Pipeline, pods: Pods) -> None:
    for query in LINES:
        pipeline.line(query)
    assert "anari" not in str(pipeline.logs.query("*"))


def test_what_the_services_send_themselves_is_not_read_again(
    pipeline: Pipeline, pods: Pods
) -> None:
    for service in SERVICES:
        pods.write(service, f"of {service}\n")
    pods.write("migrate", "the last one\n")
    pipeline.line('_msg:="the last one"')
    names = {line["service.name"] for line in pipeline.logs.query("*")}
    assert names & {*SERVICES} == set()


@pytest.mark.parametrize(
    ("container", "namespace", "text", "severity"),
    [
        ("migrate", "arloji", '{"level": "WARNING", "message": "table is large"}', "WARN"),
        ("victoria-logs", "arloji", "2026-11-28T01:00:00.000Z\twarn\tapp/x.go:1\tslow", "WARN"),
        ("alertmanager", "arloji", 'ts=2026-11-28 level=error msg="no route"', "ERROR"),
        ("node-exporter", "arloji-nodes", "time=1 level=INFO msg=Listening", "INFO"),
        ("grafana", "arloji", "a line of no form", "INFO"),
    ],
)
def test_a_line_of_any_other_pod_has_its_level(
    pipeline: Pipeline, pods: Pods, container: str, namespace: str, text: str, severity: str
) -> None:
    pods.write(container, f"{text}\n", namespace=namespace)
    line = pipeline.line(f'{{service.name="{container}"}} _msg:~"{text.split()[-1][:5]}"')
    assert line["severity_text"] == severity
    assert line["k8s.namespace.name"] == namespace


def test_the_edge_is_counted_for_each_of_its_pods(pipeline: Pipeline, pods: Pods) -> None:
    """By the agent, out of what is written while it runs, and of the access log alone."""
    pipeline.line(f"trace_id:={1:032x}")
    for _ in range(3):
        moment = datetime.now(UTC)
        pods.write("ingress", server_lines.nginx_access(moment, **{"http.route": "/cart"}))
        pods.write("ingress", server_lines.nginx_error(moment), STDERR)
    query = 'http_server_request_duration_seconds_count{http_route="/cart"} >= 3'
    (sample,) = eventually(lambda: pipeline.metrics.query(query))
    assert sample["value"][1] == "3"
    assert sample["metric"] == {
        **{"__name__": "http_server_request_duration_seconds_count", "http_route": "/cart"},
        **{"service_name": "nginx", "service_namespace": "arloji"},
        **{"service_instance_id": "ingress-0", "http_request_method": "GET"},
        "http_response_status_code": "200",
    }


def test_rotation_by_the_kubelet_loses_no_line_and_repeats_none(
    pipeline: Pipeline, pods: Pods
) -> None:
    log = pods.log("ingress")
    written: list[str] = []
    query = '"url.path":~"^/rotated/"'
    for turn in range(3):
        for _ in range(10):
            written.append(f"/rotated/{len(written)}")
            moment = datetime.now(UTC)
            line = server_lines.nginx_access(moment, **{"url.path": written[-1]})
            pods.write("ingress", line)
        log.rename(log.with_name(f"0.log.20261128-00000{turn}"))
        eventually(lambda: len(pipeline.logs.query(query)) >= len(written))
    assert sorted(line["url.path"] for line in pipeline.logs.query(query)) == sorted(written)


def test_what_was_written_while_no_agent_or_gateway_ran_arrives_once(
    pipeline: Pipeline, pods: Pods
) -> None:
    def write(number: int) -> None:
        line = server_lines.nginx_access(datetime.now(UTC), **{"url.path": f"/away/{number}"})
        pods.write("ingress", line)

    write(0)
    pipeline.line('"url.path":=/away/0')
    pods.agent.stop(signal.SIGTERM)
    write(1)
    pipeline.collector.stop(signal.SIGTERM)
    pods.agent.start()
    write(2)
    # Read, and kept on the node while the gateway is away; then the agent is gone as well.
    eventually(lambda: b"/away/2" in queued(pods))
    pods.agent.stop(signal.SIGKILL)
    pipeline.collector.start()
    pods.agent.start()
    pipeline.line('"url.path":=/away/2')
    lines = pipeline.logs.query('"url.path":~"^/away/"')
    assert sorted(line["url.path"] for line in lines) == ["/away/0", "/away/1", "/away/2"]


def queued(pods: Pods) -> bytes:
    folder = pods.agent.pods.with_name("agent")
    return b"".join(path.read_bytes() for path in folder.glob("exporter*"))

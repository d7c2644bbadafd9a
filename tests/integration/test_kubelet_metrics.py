"""What a kubelet says of containers, through the real VictoriaMetrics with the configuration of
Kubernetes: panels and alerts that were written for compose's cAdvisor have data."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.free_port import free_port
from tests.processes import Process, answers
from tests.promql import OBSERVABILITY, metric_queries
from tests.telemetry_stores import MetricsStore, eventually, go_server

# As kubelet 1.36 writes them: a container, its pod as a whole, and the pod's network.
_POD = 'namespace="arloji",pod="mysql-0"'
_OF_CONTAINER = (
    'container="mysql",id="/kubepods/pod1/a",image="docker.io/library/mysql:9.7.4",name="0c5e",'
    + _POD
)
_OF_POD = f'container="",id="/kubepods/pod1",image="",name="",{_POD}'
_SANDBOX = f'container="",id="/kubepods/pod1/s",image="pause",interface="eth0",name="77",{_POD}'
_STRANGER = 'container="web",id="/kubepods/x",image="web",name="1",namespace="other",pod="web-0"'
CADVISOR = f"""\
container_cpu_usage_seconds_total{{{_OF_CONTAINER},cpu="total"}} 12.5
container_cpu_usage_seconds_total{{{_OF_POD},cpu="total"}} 12.6
container_memory_working_set_bytes{{{_OF_CONTAINER}}} 3e8
container_memory_working_set_bytes{{{_OF_POD}}} 3.1e8
container_memory_working_set_bytes{{{_STRANGER}}} 1e8
container_spec_memory_limit_bytes{{{_OF_CONTAINER}}} 6e8
container_spec_memory_limit_bytes{{{_OF_POD}}} 6e8
container_oom_events_total{{{_OF_CONTAINER}}} 0
container_start_time_seconds{{{_OF_CONTAINER}}} 1.7e9
container_network_receive_bytes_total{{{_SANDBOX}}} 1024
container_network_transmit_bytes_total{{{_SANDBOX}}} 2048
container_fs_reads_total{{{_OF_CONTAINER}}} 7
machine_memory_bytes{{}} 1e10
"""
_LOGS = "kubelet_container_log_filesystem_used_bytes"
KUBELET = f"""\
kubelet_volume_stats_used_bytes{{namespace="arloji",persistentvolumeclaim="data-mysql-0"}} 9e8
kubelet_volume_stats_capacity_bytes{{namespace="arloji",persistentvolumeclaim="data-mysql-0"}} 1e9
kubelet_volume_stats_used_bytes{{namespace="other",persistentvolumeclaim="x"}} 9e8
{_LOGS}{{container="agent",namespace="arloji-nodes",pod="a-1",uid="1"}} 3e8
{_LOGS}{{container="web",namespace="other",pod="web-0",uid="2"}} 3e8
kubelet_running_pods 11
"""


class Kubelet(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = (CADVISOR if self.path == "/metrics/cadvisor" else KUBELET).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would be among the tests' own words."""


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetricsStore]:
    folder = tmp_path_factory.mktemp("scrape")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kubelet) as kubelet:
        thread = threading.Thread(target=kubelet.serve_forever, daemon=True)
        thread.start()
        store = MetricsStore(f"http://127.0.0.1:{(port := free_port())}")
        command = [
            *(str(go_server("victoria-metrics")), f"-storageDataPath={folder / 'metrics'}"),
            f"-promscrape.config={scraped_from(folder, kubelet.server_port)}",
            f"-httpListenAddr=127.0.0.1:{port}",
        ]
        with Process(command, folder / "log", lambda: answers(f"{store.url}/health")):
            yield store
        kubelet.shutdown()


def scraped_from(folder: Path, port: int) -> Path:
    """The two jobs of kubelets with the one above in place of what a cluster would name."""
    text = (OBSERVABILITY / "scrape" / "kubernetes.yaml").read_text()
    jobs = {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}
    kubelets = [jobs["containers"], jobs["kubelet"]]
    for job in kubelets:
        for name in ("kubernetes_sd_configs", "scheme", "authorization", "tls_config"):
            del job[name]
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    config = folder / "scrape.yaml"
    every_second = {"scrape_interval": "1s"}
    config.write_text(yaml.safe_dump({"global": every_second, "scrape_configs": kubelets}))
    return config


def test_a_container_is_named_as_in_compose_and_counted_once(metrics: MetricsStore) -> None:
    (one,) = eventually(lambda: metrics.labels("container_memory_working_set_bytes"))
    assert (one["service"], one["name"], one["namespace"]) == ("mysql", "mysql-0", "arloji")
    # They are new with each start or upgrade.
    assert one.keys().isdisjoint({"id", "image", "container", "pod"})


def test_the_network_is_that_of_a_pod(metrics: MetricsStore) -> None:
    (one,) = eventually(lambda: metrics.labels("container_network_receive_bytes_total"))
    assert one["name"] == "mysql-0"


def test_nothing_is_kept_that_nobody_asks_for(metrics: MetricsStore) -> None:
    eventually(lambda: {"container_memory_working_set_bytes"} <= metrics.names())
    eventually(lambda: {"kubelet_volume_stats_used_bytes"} <= metrics.names())
    strangers = {"container_fs_reads_total", "machine_memory_bytes", "kubelet_running_pods"}
    assert metrics.names() & strangers == set()
    assert metrics.labels('{namespace="other"}') == []


OF_CONTAINERS = [
    pytest.param(query.replace("$__rate_interval", "1m"), id=where)
    for where, query in metric_queries()
    if "container_" in query.replace("kube_pod_container_", "") and not where.startswith("alert")
]


@pytest.mark.parametrize("query", OF_CONTAINERS)
def test_a_panel_of_containers_has_data(metrics: MetricsStore, query: str) -> None:
    eventually(lambda: metrics.query(query))


def test_a_claim_that_fills_up_is_seen(metrics: MetricsStore) -> None:
    (query,) = [query for where, query in metric_queries() if where.endswith(": ClaimAlmostFull")]
    (found,) = eventually(lambda: metrics.query(query))
    assert found["metric"] == {"namespace": "arloji", "persistentvolumeclaim": "data-mysql-0"}
    assert float(found["value"][1]) == 0.9


def test_logs_that_no_kubelet_rotates_are_seen(metrics: MetricsStore) -> None:
    (query,) = [query for where, query in metric_queries() if where.endswith(": PodLogsNotRotated")]
    (found,) = eventually(lambda: metrics.query(query))
    assert found["metric"] == {"namespace": "arloji-nodes", "pod": "a-1", "container": "agent"}

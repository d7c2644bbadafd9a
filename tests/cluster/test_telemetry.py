"""Metrics, logs and traces of pods arrive in their stores, and everything that is to be scraped
answers: agents, gateway, exporters, kubelet and stores find each other as policies allow."""

from contextlib import closing
from dataclasses import dataclass

import httpx
import pytest

from tests import waiting
from tests.cluster.shop import NAMESPACE, SERVICES, KubernetesShop
from tests.compose.test_first_telemetry import LATER_METRICS, ONLY_AFTER_FAILURES
from tests.e2e.conftest import Guest
from tests.promql import OF_RUNS, metric_queries, metrics_in, recorded_names
from tests.telemetry_stores import LogsStore, MetricsStore, eventually

SCRAPED = {
    *("containers", "kubelet", "kube-state-metrics", "node", "nginx", "mysql", "redis"),
    *("otel-agent", "otel-collector", "victoria-metrics", "victoria-logs"),
    *("vmalert", "vmalert-logs", "alertmanager"),
}
# What this overlay does not have, or has a stand-in for.
LEFT_OUT = {"grafana", "victoria-traces"}
# Of Docker's own checks; here *PodNotReady* asks kube-state-metrics.
_OF_DOCKER = {"container_health_state"}


@dataclass(frozen=True)
class Telemetry:
    metrics: MetricsStore
    logs: LogsStore
    order: httpx.Response

    @property
    def trace_id(self) -> str:
        return self.order.headers["traceresponse"].split("-")[1]


@pytest.fixture(scope="module")
def telemetry(shop: KubernetesShop) -> Telemetry:
    with closing(Guest(shop.shop_url)) as guest:
        guest.http.get("/nowhere/at/all")
        order = guest.post_order({guest.product()["product_id"]: 1})
        assert guest.wait_for_end(order.json()["order_id"])["status"] == "confirmed"
    return Telemetry(
        MetricsStore(shop.url("victoria-metrics", 8428)),
        LogsStore(shop.url("victoria-logs", 9428)),
        order,
    )


def test_metrics_of_every_replica_of_every_service_arrive(
    shop: KubernetesShop, telemetry: Telemetry
) -> None:
    wanted = {one.name for one in shop.running(*SERVICES)}

    def seen() -> set[str]:
        found = telemetry.metrics.query('process_uptime_seconds{service_namespace="arloji"}')
        return {one["metric"]["service_instance_id"].rpartition(":")[0] for one in found}

    assert len(wanted) == 2 * len(SERVICES)
    eventually(lambda: wanted <= seen())


def test_metrics_of_every_server_arrive(telemetry: Telemetry) -> None:
    up = '{__name__=~"nginx_up|mysql_up|redis_up"} == 1'

    def seen() -> set[str]:
        return {one["metric"]["job"] for one in telemetry.metrics.query(up)}

    eventually(lambda: {"nginx", "mysql", "redis"} <= seen())


def test_every_container_is_measured_by_name(shop: KubernetesShop, telemetry: Telemetry) -> None:
    running = {(pod.name, name) for pod in shop.running() for name in pod.containers}

    def measured() -> set[tuple[str, str]]:
        found = telemetry.metrics.query("container_memory_working_set_bytes")
        return {(one["metric"]["name"], one["metric"]["service"]) for one in found}

    waiting.eventually(lambda: running - measured(), lambda missing: not missing, 60)


def test_what_kubernetes_says_of_pods_and_claims_arrives(
    shop: KubernetesShop, telemetry: Telemetry
) -> None:
    def ready() -> set[str]:
        found = telemetry.metrics.query('kube_pod_status_ready{condition="true"} == 1')
        return {one["metric"]["pod"] for one in found}

    eventually(lambda: {one.name for one in shop.running()} <= ready())
    # Some wait for their first night, without a volume.
    claims = {
        one["metadata"]["name"]
        for one in shop.objects("persistentvolumeclaims")
        if "volumeName" in one["spec"]
    }
    bound = 'kube_persistentvolumeclaim_status_phase{phase="Bound"} == 1'
    eventually(
        lambda: (
            {one["metric"]["persistentvolumeclaim"] for one in telemetry.metrics.query(bound)}
            == claims
        )
    )


def test_everything_that_is_scraped_answers(telemetry: Telemetry) -> None:
    def down() -> set[str]:
        return {one["metric"]["job"] for one in telemetry.metrics.query("up == 0")}

    def missing() -> set[str]:
        jobs = {one["metric"]["job"] for one in telemetry.metrics.query("up")}
        return SCRAPED - jobs

    waiting.eventually(missing, lambda found: not found, 60, pause_seconds=0.2)
    eventually(lambda: down() <= LEFT_OUT)


def test_logs_of_every_service_and_server_arrive_with_the_name_of_the_pod(
    shop: KubernetesShop, telemetry: Telemetry
) -> None:
    def seen(more: str = "") -> set[str]:
        query = f'k8s.namespace.name:="{NAMESPACE}" k8s.pod.name:* {more} | uniq by (service.name)'
        return {one["service.name"] for one in telemetry.logs.query(query)}

    wanted = {*SERVICES, "nginx", "mysql", "queue-redis", "cache-redis", "vmalert", "schema"}
    waiting.eventually(lambda: wanted - seen(), lambda missing: not missing, 60)
    # Their lines come by OTLP; an agent that read them as well would send each twice.
    assert not set(SERVICES) & seen("log.file.path:*")


def test_the_access_log_names_the_trace_of_the_order(telemetry: Telemetry) -> None:
    query = f'{{service.name="nginx"}} trace_id:={telemetry.trace_id}'
    (line,) = eventually(lambda: telemetry.logs.query(query))
    assert line["_msg"] == "POST /api/orders 202"
    assert line["k8s.pod.name"].startswith("ingress-")


def test_the_trace_of_the_order_arrives(shop: KubernetesShop, telemetry: Telemetry) -> None:
    def services() -> set[str]:
        asked = httpx.get(f"{shop.telemetry_url}/api/traces", params={"limit": 500}).json()
        found = [one for one in asked["traces"] if one["trace_id"] == telemetry.trace_id]
        return {service for one in found for service in one["services"]}

    eventually(lambda: {"frontend", "api-gw", "publisher", "consumer"} <= services())


def test_what_dashboards_and_alerts_ask_for_is_there(telemetry: Telemetry) -> None:
    asked = {name for _, query in metric_queries() for name in metrics_in(query)}
    later = (ONLY_AFTER_FAILURES, OF_RUNS)
    wanted = {name for name in asked if not any(one.match(name) for one in later)}
    wanted = {name for name in wanted if "(" not in name} - LATER_METRICS - _OF_DOCKER
    wanted -= recorded_names()
    waiting.eventually(lambda: wanted - telemetry.metrics.names(), lambda missing: not missing, 60)

"""`kubectl apply -k` on an empty cluster, and nothing else: all of it is ready by itself, confined
as Pod Security's strictest level asks for."""

import json

from operations.node_settings import differences
from tests.cluster.shop import NAMESPACE, KubernetesShop


def test_all_of_it_is_ready_without_a_restart(shop: KubernetesShop) -> None:
    assert shop.unsettled() == []
    assert [one.name for one in shop.pods() if one.restarts] == []


def test_each_job_ran_once_and_without_a_failure(shop: KubernetesShop) -> None:
    jobs = {one["metadata"]["name"]: one["status"] for one in shop.objects("jobs")}
    assert {name.partition("-tests")[0] for name in jobs} == {"bootstrap-secrets", "migrate"}
    assert [(one["succeeded"], one.get("failed", 0)) for one in jobs.values()] == [(1, 0)] * 2


def test_a_pod_that_is_not_confined_is_refused(shop: KubernetesShop) -> None:
    (namespace,) = shop.objects("namespaces", f"--field-selector=metadata.name={NAMESPACE}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    refusal = shop.try_kubectl("run", "stranger", "--image=nginx:1.30.6")
    assert 'violates PodSecurity "restricted' in refusal


def test_no_pod_can_speak_for_another(shop: KubernetesShop) -> None:
    """But for those whose work is at the API server, none has a token."""
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/name"]
        for pod in shop.objects("pods")
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        if "serviceAccountToken" in source
    }
    assert with_token == {"bootstrap-secrets", "kube-state-metrics", "victoria-metrics"}


def test_the_nodes_settings_are_those_that_are_documented(shop: KubernetesShop) -> None:
    """But for what tools/cluster/kubelet.py says: the disk is the machine's, not the node's."""
    for node in shop.cluster.nodes:
        path = f"/api/v1/nodes/{node.name}/proxy/configz"
        told = json.loads(shop.cluster.kubectl("get", "--raw", path))["kubeletconfig"]
        (line,) = differences(told)
        assert line.startswith("imageGCHighThresholdPercent is 100")

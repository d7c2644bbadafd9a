"""What others have put on a cluster: quotas, limits, and objects whose definitions they lack."""

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.kubernetes.shop import NAMESPACE, Shop, rendered

_QUOTA = {
    **{"requests.cpu": "12", "requests.memory": "12Gi", "limits.memory": "20Gi"},
    # This one refuses every pod without a CPU limit, unless limits have a default.
    "limits.cpu": "60",
    **{"requests.ephemeral-storage": "40Gi", "requests.storage": "100Gi"},
    **{"pods": "80", "persistentvolumeclaims": "12", "services.loadbalancers": "1"},
    **{"count/configmaps": "60", "count/secrets": "40", "count/jobs.batch": "20"},
}
_LIMITS = [
    {
        "type": "Container",
        "default": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "1Gi"},
        "defaultRequest": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "100Mi"},
        "max": {"cpu": "4", "memory": "2Gi"},
        "min": {"cpu": "1m", "memory": "4Mi"},
    },
    {"type": "PersistentVolumeClaim", "max": {"storage": "40Gi"}, "min": {"storage": "1Gi"}},
]


@pytest.fixture
def governed(shop: Shop) -> Iterator[Shop]:
    """Nothing runs yet, in a namespace with a quota and a range of limits."""
    shop.clear()
    objects = [
        {"kind": "ResourceQuota", "spec": {"hard": _QUOTA}},
        {"kind": "LimitRange", "spec": {"limits": _LIMITS}},
    ]
    for each in objects:
        each |= {"apiVersion": "v1", "metadata": {"name": "others", "namespace": NAMESPACE}}
    content = "\n---\n".join(map(json.dumps, objects))
    shop.control_plane.kubectl("apply", "--filename=-", content=content)
    yield shop
    shop.control_plane.kubectl("delete", "--filename=-", content=content)
    shop.remove_everything()


def test_a_quota_and_limits_of_others_leave_room_for_the_shop(governed: Shop) -> None:
    governed.apply("small")
    governed.wait_until_settled()
    (quota,) = governed.objects("resourcequotas")
    assert int(quota["status"]["used"]["pods"]) >= 20
    refused = [
        event["message"]
        for event in governed.objects("events", "--field-selector=reason=FailedCreate")
        if "quota" in event["message"] or "LimitRange" in event["message"]
    ]
    assert refused == []


def test_admission_takes_what_production_says_in_core_apis(shop: Shop) -> None:
    """The rest has its schemas in tests/conformance, and its operators nowhere here."""
    # Nothing that it would have to change: a Job cannot be.
    shop.clear()
    served = set(
        shop.control_plane.kubectl("api-resources", "--no-headers", "--output=name").split()
    )
    assert not any(name.endswith("percona.com") for name in served)
    groups = {name.partition(".")[2] for name in served}
    core = [each for each in rendered(shop, "production") if _group(each["apiVersion"]) in groups]
    assert len(core) > 100
    # Where its ingress controller is installed before it.
    controller = ("namespace", "nginx-ingress")
    shop.control_plane.kubectl("create", *controller)
    done = shop.control_plane.try_kubectl(
        *("apply", "--dry-run=server", "--filename=-"),
        content=yaml.safe_dump_all(core),
    )
    shop.control_plane.kubectl("delete", *controller)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr, done.stderr[-4000:]


def _group(version: str) -> str:
    return version.partition("/")[0] if "/" in version else ""

"""What others have put on a cluster: quotas, limits and rules, and objects whose definitions they
lack."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kubernetes.shop import NAMESPACE, Shop, rendered
from tests.waiting import eventually

_POLICIES = Path(__file__).with_name("policies_of_others.yaml")
# All that Pod Security's strictest level asks for.
_CONFINED = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "stranger",
            "image": "example/stranger",
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
}


@pytest.fixture
def governed(shop: Shop) -> Iterator[Shop]:
    """Nothing runs yet, in a namespace with a quota, a range of limits, and rules in force."""
    shop.clear()
    shop.control_plane.kubectl("apply", f"--filename={_POLICIES}")
    try:
        eventually(lambda: _refusals(shop), lambda said: all("others-" in one for one in said))
        yield shop
    finally:
        shop.control_plane.kubectl("delete", f"--filename={_POLICIES}")
        shop.remove_everything()


def _refusals(shop: Shop) -> list[str]:
    """Of a pod and of a Service that the rules forbid, and nothing else does."""
    about = {"name": "stranger", "namespace": NAMESPACE}
    ports = {"type": "NodePort", "ports": [{"port": 80}]}
    return [
        shop.control_plane.try_kubectl(
            *("create", "--dry-run=server", "--filename=-"),
            content=json.dumps({"apiVersion": "v1", "kind": kind, "metadata": about, "spec": spec}),
        ).stderr
        for kind, spec in {"Pod": _CONFINED, "Service": ports}.items()
    ]


def test_a_quota_limits_and_rules_of_others_leave_room_for_the_shop(governed: Shop) -> None:
    governed.apply("small")
    governed.wait_until_settled()
    (quota,) = governed.objects("resourcequotas")
    assert int(quota["status"]["used"]["pods"]) >= 20
    # What comes at night has not come yet.
    for one in governed.objects("cronjobs"):
        name = one["metadata"]["name"]
        governed.control_plane.kubectl(
            *("create", "job", f"{name}-now", f"--from=cronjob/{name}", f"--namespace={NAMESPACE}")
        )
    governed.wait_until_settled()
    refused = [
        event["message"]
        for event in governed.objects("events", "--field-selector=reason=FailedCreate")
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

"""Housekeeping's CronJobs are let in, a Job of each runs to its end, and pods that share a claim
meet on one node."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.kubernetes.shop import NAMESPACE, Shop, rendered
from tests.waiting import eventually

_SMALL = "k8s/overlays/small/kustomization.yaml"
_HERE = f"--namespace={NAMESPACE}"
_NAME = "app.kubernetes.io/name"


@pytest.fixture(scope="module")
def small(shop: Shop) -> Shop:
    shop.use("small")
    return shop


@pytest.fixture
def with_audit(small: Shop) -> Iterator[Shop]:
    """The component's own CronJobs beside the others."""
    own = [
        one
        for one in _rendered_with(small, "audit-shared")
        if one["metadata"]["labels"].get(_NAME) in {"reconcile", "purge-audit", "audit"}
    ]
    content = yaml.safe_dump_all(own)
    done = small.control_plane.try_kubectl("apply", "--filename=-", content=content)
    assert done.returncode == 0, done.stderr
    # How Pod Security speaks of a template.
    assert not done.stderr, done.stderr
    yield small
    # The claim goes with all the others.
    others = [one for one in own if one["kind"] != "PersistentVolumeClaim"]
    content = yaml.safe_dump_all(others)
    done = small.control_plane.try_kubectl("delete", "--filename=-", content=content)
    assert done.returncode == 0, done.stderr


def _rendered_with(shop: Shop, component: str) -> list[dict[str, Any]]:
    last = "- ../../components/hpa\n"
    shop.change(_SMALL, last, f"{last}  - ../../components/{component}\n")
    objects = rendered(shop, "small")
    shop.reset_tree()
    return objects


def test_backups_that_are_encrypted_are_let_in(small: Shop) -> None:
    content = yaml.safe_dump_all(_rendered_with(small, "backup-encryption"))
    dry_run = ("apply", "--dry-run=server", "--filename=-")
    done = small.control_plane.try_kubectl(*dry_run, content=content)
    assert (done.returncode, done.stderr) == (0, "")
    changed = {line.split()[0] for line in done.stdout.splitlines() if " unchanged" not in line}
    wanted = {f"cronjob.batch/{name}" for name in ("backup", "archive-logs", "drill")}
    assert changed >= wanted | {"configmap/backup-encryption"}


def test_a_job_of_each_can_be_started_by_hand_and_ends(with_audit: Shop) -> None:
    names = {one["metadata"]["name"] for one in with_audit.objects("cronjobs")}
    assert names == {
        *("backup", "archive-logs", "drill"),
        *("purge-orders", "purge-audit", "reconcile"),
    }
    for name in names:
        create = ("create", "job", f"{name}-now", f"--from=cronjob/{name}", _HERE)
        done = with_audit.control_plane.try_kubectl(*create)
        assert (done.returncode, done.stderr) == (0, "")
    for name in names:
        with_audit.control_plane.kubectl(
            "wait", "--for=condition=complete", f"job/{name}-now", _HERE, "--timeout=90s"
        )
    pods = with_audit.objects("pods", f"--selector={_NAME} in ({','.join(sorted(names))})")
    assert {pod["metadata"]["labels"][_NAME] for pod in pods} == names


def test_a_finding_ends_a_job_and_what_could_not_be_done_is_tried_again(small: Shop) -> None:
    """Exit codes 1 and 2, of pods whose status is written as a kubelet writes it."""
    assert _tries(small, "finding", exit_code=1) == (1, "PodFailurePolicy")
    assert _tries(small, "outage", exit_code=2) == (3, "BackoffLimitExceeded")


def _tries(shop: Shop, name: str, *, exit_code: int) -> tuple[int, str]:
    """How many pods a Job of `backup` had, and why it was given up."""
    arguments = ("create", "job", name, "--from=cronjob/backup", _HERE, "--dry-run=client")
    job = json.loads(shop.control_plane.kubectl(*arguments, "--output=json"))
    pod = job["spec"]["template"]["spec"]
    # Nobody pretends to run it.
    pod["nodeSelector"] = {"nobody": "here"}
    shop.control_plane.kubectl("apply", "--filename=-", content=json.dumps(job))
    ended: set[str] = set()

    def given_up() -> str:
        for one in shop.objects("pods", f"--selector=batch.kubernetes.io/job-name={name}"):
            if one["metadata"]["name"] not in ended:
                ended.add(one["metadata"]["name"])
                _fail(shop, one["metadata"]["name"], exit_code)
        (found,) = shop.objects("jobs", f"--field-selector=metadata.name={name}")
        conditions = found.get("status", {}).get("conditions", ())
        return next((each["reason"] for each in conditions if each["type"] == "Failed"), "")

    reason = eventually(given_up, seconds=120, pause_seconds=0.5)
    shop.control_plane.kubectl("delete", "job", name, _HERE)
    return len(ended), reason


def _fail(shop: Shop, pod: str, exit_code: int) -> None:
    ended = {"name": "backup", "state": {"terminated": {"exitCode": exit_code}}}
    whole = {"ready": False, "restartCount": 0, "image": "x", "imageID": "x"}
    status = {"phase": "Failed", "initContainerStatuses": [{**ended, **whole}]}
    shop.control_plane.kubectl(
        *("patch", "pod", pod, _HERE, "--subresource=status", "--type=merge"),
        f"--patch={json.dumps({'status': status})}",
    )


@pytest.fixture
def held(small: Shop) -> Iterator[Shop]:
    yield small
    _let_go(small)
    small.uncordon()


def _let_go(shop: Shop) -> None:
    shop.control_plane.kubectl("delete", "pods", "--selector=held=true", _HERE, "--now")


def test_pods_that_share_the_claim_of_backups_meet_on_one_node(held: Shop) -> None:
    """As plain pods, which stay; a Job's end at once here."""
    node = _hold(held, "drill")
    assert node, "the first one has nobody to be near to, and runs all the same"
    assert _hold(held, "backup") == node
    held.control_plane.kubectl("cordon", node)
    assert _hold(held, "backup", suffix="-late", seconds=5) is None
    _let_go(held)
    # Nobody has it any more.
    assert _hold(held, "backup") not in {None, node}


def _hold(shop: Shop, name: str, suffix: str = "", seconds: float = 30) -> str | None:
    """The node of a pod of this CronJob; None if there is none for it."""
    (found,) = shop.objects("cronjobs", f"--field-selector=metadata.name={name}")
    template: dict[str, Any] = found["spec"]["jobTemplate"]["spec"]["template"]
    pod = {
        **{"apiVersion": "v1", "kind": "Pod", "spec": template["spec"]},
        "metadata": {
            "name": f"held-{name}{suffix}",
            "namespace": NAMESPACE,
            "labels": {**template["metadata"]["labels"], "held": "true"},
        },
    }
    shop.control_plane.kubectl("apply", "--filename=-", content=json.dumps(pod))
    return _node_of(shop, f"held-{name}{suffix}", seconds)


def _node_of(shop: Shop, pod: str, seconds: float = 30) -> str | None:
    def node() -> str | None:
        (found,) = shop.objects("pods", f"--field-selector=metadata.name={pod}")
        name: str | None = found["spec"].get("nodeName")
        return name

    try:
        return eventually(node, seconds=seconds)
    except AssertionError:
        return None


def test_the_task_that_restores_comes_and_goes_and_leaves_the_shop_as_it_is(small: Shop) -> None:
    task = small.folder_of("small").parents[1] / "tasks/restore"
    before = _policies(small)
    small.control_plane.kubectl("replace", "--force", "-k", task)
    small.control_plane.kubectl(
        "wait", "--for=condition=complete", "job/restore", _HERE, "--timeout=90s"
    )
    assert _policies(small) - before == {
        *("restore", "mysql-from-restore", "queue-redis-from-restore"),
        "otel-collector-from-restore",
    }
    small.control_plane.kubectl("delete", "-k", task)
    assert _policies(small) == before


def _policies(shop: Shop) -> set[str]:
    return {one["metadata"]["name"] for one in shop.objects("networkpolicies")}


def test_a_claim_of_backups_is_not_deleted_by_mistake(small: Shop) -> None:
    delete = ("delete", "persistentvolumeclaim", "backups", "--wait=false")
    done = small.control_plane.try_kubectl(*delete, _HERE)
    assert done.returncode != 0
    assert "every backup" in done.stderr
    # Of the same name, and none of ours.
    elsewhere = "--namespace=default"
    claim = {
        **{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "backups"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    small.control_plane.kubectl("apply", elsewhere, "--filename=-", content=json.dumps(claim))
    small.control_plane.kubectl(*delete, elsewhere)

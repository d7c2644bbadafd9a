"""What runs by the clock ends, is not repeated in vain, and keeps what it makes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache

from housekeeping.schedule.settings import ScheduleSettings
from tests.conformance.kubernetes.differences import HOUSEKEEPING
from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.pods import Container, Object, Pod, reference, selects, within
from tests.conformance.kubernetes.rendering import ROOT

_TIMES = ScheduleSettings.model_fields
HOST = "kubernetes.io/hostname"
# A first try and what one short outage explains.
_MOST_RETRIES = 2


def scheduled_jobs_are_bounded(shop: Manifests) -> Iterator[str]:
    for one in shop.of("CronJob"):
        job = one["spec"]["jobTemplate"]["spec"]
        for field in ("startingDeadlineSeconds", "successfulJobsHistoryLimit"):
            if not one["spec"].get(field):
                yield f"{reference(one)} has no {field}"
        if not one["spec"].get("failedJobsHistoryLimit"):
            yield f"{reference(one)} leaves no trace of a failure"
        for field in ("activeDeadlineSeconds", "ttlSecondsAfterFinished"):
            if not job.get(field):
                yield f"{reference(one)} makes Jobs without {field}"
        if job.get("backoffLimit", 6) > _MOST_RETRIES:
            yield f"{reference(one)} is tried again and again"


def times_are_those_of_compose(shop: Manifests) -> Iterator[str]:
    for one in shop.of("CronJob"):
        name = one["metadata"]["name"]
        if (field := _TIMES.get(f"{name.replace('-', '_')}_schedule")) is None:
            yield f"{reference(one)} is not run by the clock in compose"
        elif one["spec"]["schedule"] != field.default or one["spec"].get("timeZone") != "Etc/UTC":
            yield f"{reference(one)} runs at {one['spec']['schedule']}, in compose {field.default}"


def commands_of_housekeeping_exist(shop: Manifests) -> Iterator[str]:
    """By the entrypoint of the image; each in a container of its name."""
    for pod, container in _of_housekeeping(shop):
        words = container.described.get("args", [""])
        if "command" in container.described or words[0] != container.name:
            yield f"{pod.reference}/{container.name} runs {container.words}"
        elif words[0] not in _commands_of_housekeeping():
            yield f"{pod.reference}/{container.name} is no command of housekeeping"


@cache
def _commands_of_housekeeping() -> frozenset[str]:
    said = subprocess.run(
        [sys.executable, "-m", "housekeeping", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OTEL_SDK_DISABLED": "true"},
        cwd=ROOT,
    ).stdout
    return frozenset(re.findall(r"^    ([a-z-]+)\b", said, re.M))


def _of_housekeeping(shop: Manifests) -> Iterator[tuple[Pod, Container]]:
    for pod in shop.pods:
        for container in pod.containers:
            if container.name in HOUSEKEEPING:
                yield pod, container


def findings_and_drains_are_no_failed_tries(shop: Manifests) -> Iterator[str]:
    """Exit code 1 is something found (docs/housekeeping.md): another try finds it again."""
    for one in shop.of("CronJob"):
        rules = within(one, "spec", "jobTemplate", "spec", "podFailurePolicy", "rules", default=[])
        drains = {"type": "DisruptionTarget", "status": "True"}
        if not any(
            rule["action"] == "Ignore" and drains in rule.get("onPodConditions", ())
            for rule in rules
        ):
            yield f"{reference(one)} counts a drained node as a failure"
        if not any(
            rule["action"] == "FailJob"
            and rule.get("onExitCodes") == {"operator": "In", "values": [1]}
            for rule in rules
        ):
            yield f"{reference(one)} repeats what has found something"


def pods_that_share_a_claim_of_one_node_are_on_it(shop: Manifests) -> Iterator[str]:
    """Or the second one waits, by the clock of its Job, until the first has ended."""
    claims = {
        one["metadata"]["name"]
        for one in shop.of("PersistentVolumeClaim")
        if "ReadWriteMany" not in one["spec"]["accessModes"]
    }
    for claim in sorted(claims):
        pods = [pod for pod in shop.pods if _mounts(pod, claim)]
        names = {pod.name for pod in pods}
        for pod in pods if len(names) > 1 else ():
            if missing := sorted(one.name for one in pods if not _is_drawn_to(pod, one)):
                yield f"{pod.reference} shares {claim} and may be on another node than {missing}"


def _mounts(pod: Pod, claim: str) -> bool:
    return any(
        within(volume, "persistentVolumeClaim", "claimName") == claim
        for volume in pod.volumes.values()
    )


def _is_drawn_to(pod: Pod, other: Pod) -> bool:
    """By each of its terms: the first pod of all is let in only if it fits all of its own."""
    terms: list[Object] = within(
        pod.spec,
        *("affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution"),
        default=[],
    )
    return bool(terms) and all(
        term["topologyKey"] == HOST and selects(term.get("labelSelector"), other.labels)
        for term in terms
    )


def claims_of_the_manifests_outlive_them(shop: Manifests) -> Iterator[str]:
    """`kubectl delete -k` names them: a label keeps them out of the documented removal, and the
    policy of admission refuses any other."""
    kept = {
        name
        for policy in shop.of("ValidatingAdmissionPolicy")
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]
        if "DELETE" in rule["operations"] and "persistentvolumeclaims" in rule["resources"]
        for name in rule.get("resourceNames", ())
    }
    for one in shop.of("PersistentVolumeClaim"):
        name, labels = one["metadata"]["name"], one["metadata"]["labels"]
        if labels.get("app.kubernetes.io/component") != "claim":
            yield f"{reference(one)} is removed with the manifests"
        if name not in kept:
            yield f"{reference(one)} may be deleted with all else"
        if "storageClassName" in one["spec"]:
            yield f"{reference(one)} names a storage class, which another cluster lacks"

"""The control plane is the one that is pinned, and it does refuse: what the overlays pass is no
open door."""

import json
import re

from tests.kubernetes.shop import NAMESPACE, Shop
from tools.go_programs.build import MODULES


def test_client_and_server_are_of_the_version_that_is_pinned(shop: Shop) -> None:
    text = (MODULES / "kubernetes" / "go.mod").read_text(encoding="utf-8")
    (pinned,) = re.findall(r"^\s*k8s\.io/kubernetes (v\S+)", text, re.M)
    said = json.loads(shop.control_plane.kubectl("version", "--output=json"))
    for side in ("clientVersion", "serverVersion"):
        assert said[side]["gitVersion"] == pinned
        assert pinned.startswith(f"v{said[side]['major']}.{said[side]['minor']}.")


def test_a_pod_that_restricted_forbids_is_refused(shop: Shop) -> None:
    shop.use("small")
    done = shop.control_plane.try_kubectl(
        "run", "intruder", "--image=example/intruder:1", f"--namespace={NAMESPACE}"
    )
    assert done.returncode != 0
    assert "violates PodSecurity" in done.stderr


def test_a_workload_whose_pods_would_be_refused_is_warned_about(shop: Shop) -> None:
    """By what `apply` of the tests takes for a failure: the workload itself is let in."""
    shop.use("small")
    arguments = ("deployment", "intruder", f"--namespace={NAMESPACE}")
    done = shop.control_plane.try_kubectl(
        "create", *arguments, "--image=example/intruder:1", "--replicas=0"
    )
    shop.control_plane.kubectl("delete", *arguments)
    assert done.returncode == 0
    assert "would violate PodSecurity" in done.stderr

"""The shop on a real node, once for all tests in this folder."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.cluster.shop import KubernetesShop
from tests.compose.conftest import Patient
from tests.e2e.conftest import Guest
from tests.in_order import hurried_go, put_in_order
from tools.cluster.images import build_own
from tools.cluster.real import PROGRAMS, ROOT, RealCluster
from tools.go_programs.build import find_built

LONG = os.environ.get("LONG_TESTS") == "1"
# A release is tried on two, the stores all on the first.
NODES = 2 if LONG else 1
# Brought up once: those that only look come first, those that break it last.
ORDER = (
    "test_start",
    "test_telemetry",
    "test_networks",
    "test_shop",
    "test_outages",
    "test_configuration",
    "test_alerts",
    "test_rollout",
    "test_drain",
    "test_healing",
    "test_housekeeping",
    "test_load",
    "test_autoscaling",
    "test_removal",
    "test_growth",
)
ONLY_LONG = {"test_drain", "test_housekeeping", "test_growth", "test_load", "test_autoscaling"}
collect_ignore = [] if LONG else [f"{name}.py" for name in ONLY_LONG]
RELEASE = "tests-cluster"
_EDGE = "k8s/components/nginx-edge/edge/deployment.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    put_in_order(items, Path(__file__).parent, ORDER, pytest.mark.cluster)


def _why_not() -> str | None:
    if os.geteuid() != 0:
        return "needs root"
    for program in ("containerd", "runc", "docker", "iptables", "nsenter"):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
            return f"needs {program}"
    if missing := [name for name in PROGRAMS if find_built(name) is None]:
        return f"`python -m tools.cluster build` has not built {', '.join(missing)}"
    return None


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesShop]:
    """Applied to an empty cluster, and all of it ready by itself. For work on these tests,
    CLUSTER_TESTS_CLUSTER names one that stays up."""
    if why := _why_not():
        pytest.skip(f"no real node: {why}")
    kept = os.environ.get("CLUSTER_TESTS_CLUSTER")
    cluster = RealCluster(kept or "tests", NODES)
    shop = KubernetesShop(cluster, tmp_path_factory.mktemp("shop"))
    shop.copy()
    shop.release(RELEASE)
    if not LONG:
        # It waits for a balancer outside, which this node does not have.
        shop.change(_EDGE, r"(?<=preStop: \{sleep: \{seconds: )20", "5")
    build_own(ROOT, RELEASE)
    with hurried_go():
        try:
            cluster.start(shop.overlay)
            others = [node.name for node in cluster.nodes[1:]]
            for node in others:
                cluster.kubectl("cordon", node)
            shop.apply()
            shop.wait_until_settled()
            for node in others:
                cluster.kubectl("uncordon", node)
            yield shop
        finally:
            shop.close()
            if not kept:
                cluster.stop()


@pytest.fixture(scope="session")
def stack(shop: KubernetesShop) -> KubernetesShop:
    """The name by which the tests of the embedded run know a shop."""
    return shop


@pytest.fixture
def guest(stack: KubernetesShop) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url, Patient(httpx.HTTPTransport(verify=False)))) as one:
        yield one


@pytest.fixture
def other_guest(stack: KubernetesShop) -> Iterator[Guest]:
    with closing(Guest(stack.shop_url)) as one:
        yield one

"""A real control plane with nodes that pretend, once for all tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.in_order import hurried_go, put_in_order
from tests.kubernetes.shop import Shop
from tools.cluster.fake import PROGRAMS, FakeCluster
from tools.go_programs.build import find_built

# First those of one overlay, then those of the other, so that each is installed once; on an empty
# namespace in between.
ORDER = (
    *("test_apply", "test_zones", "test_foreign_policies"),
    *("test_admission", "test_housekeeping", "test_rollout", "test_scaling"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    put_in_order(items, Path(__file__).parent, ORDER, pytest.mark.kubernetes)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    if missing := [name for name in PROGRAMS if find_built(name) is None]:
        pytest.skip(f"`python -m tools.cluster build` has not built {', '.join(missing)}")
    cluster = FakeCluster(tmp_path_factory.mktemp("cluster"))
    with hurried_go():
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture(scope="session")
def shop(cluster: FakeCluster, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(cluster.control_plane, cluster.nodes, tmp_path_factory.mktemp("shop"))

"""A real control plane with nodes that pretend, once for all tests in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.shop import Shop
from tools.cluster.fake import PROGRAMS, FakeCluster
from tools.go_programs.build import find_built

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == _HERE:
            item.add_marker(pytest.mark.kubernetes)
            # The first one starts the control plane; draining and scaling take their time.
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeCluster]:
    if missing := [name for name in PROGRAMS if find_built(name) is None]:
        pytest.skip(f"`python -m tools.cluster build` has not built {', '.join(missing)}")
    cluster = FakeCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def shop(cluster: FakeCluster, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(cluster.control_plane, cluster.nodes, tmp_path_factory.mktemp("shop"))

"""The three doors of a shop that runs as processes: frontend, gateway, and nginx in front."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.edge import Edge
from tests.stack import RunningStack

DOORS = ("frontend", "gateway", "nginx")


@contextmanager
def doors_of(stack: RunningStack, folder: Path) -> Iterator[Mapping[str, str]]:
    """Their addresses, while nginx runs with the files of `ingress/`."""
    (logs := folder / "logs").mkdir()
    with Edge(folder, stack.port("frontend"), logs) as edge:
        yield dict(zip(DOORS, (stack.shop_url, stack.url("api-gw"), edge.url), strict=True))

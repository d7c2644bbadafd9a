"""Tests of a folder that share one shop, brought up once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

# The first one that needs the shop waits for it; rollouts take their time.
_SECONDS = 600


def put_in_order(
    items: list[pytest.Item], folder: Path, order: Sequence[str], marker: pytest.MarkDecorator
) -> None:
    """Those of `folder` by the place of their file in `order`, each with `marker` and enough time;
    the others stay where they are."""
    ours = [item for item in items if item.path.parent == folder]
    ordered = iter(sorted(ours, key=lambda item: order.index(item.path.stem)))
    items[:] = [next(ordered) if item.path.parent == folder else item for item in items]
    for item in ours:
        item.add_marker(marker)
        item.add_marker(pytest.mark.timeout(_SECONDS))


@contextmanager
def hurried_go() -> Iterator[None]:
    """The programs of Kubernetes, kubectl among them, spend less of two processors on giving memory
    back, which is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOGC", "400")
        yield

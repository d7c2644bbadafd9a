"""`make upgrade` does its steps in an order that refuses nothing; tests/compose runs it."""

import subprocess
from collections.abc import Callable

import pytest

from operations import upgrade
from tests.unit.operations.conftest import Steps

STORES = [
    *("run bootstrap", "restart queue-redis", "wait for queue-redis"),
    *("run accounts", "run migrate", "run rights"),
]


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ([], ["consumer", "publisher", "service-http", "api-gw", "frontend"]),
        (["frontend", "consumer"], ["consumer", "frontend"]),
    ],
)
def test_an_upgrade_goes_from_the_inside_out(
    steps_of: Steps, replaced: Callable[[str], list[str]], words: list[str], order: list[str]
) -> None:
    wanted = [*STORES, *(step for name in order for step in replaced(name))]
    assert steps_of(upgrade.main, *words) == wanted


@pytest.mark.parametrize("fails", ["run migrate", "ask a new one"])
def test_nothing_follows_a_step_that_failed(steps_of: Steps, fails: str) -> None:
    assert steps_of(upgrade.main, fails=fails)[-1] == fails


@pytest.mark.parametrize(
    ("said", "differs"),
    [
        (" DRY-RUN MODE -  Network arloji_edge  Removed \n", True),
        (" DRY-RUN MODE -  Network arloji_edge  Created \n Container a-1  Removed \n", False),
    ],
)
def test_a_network_that_differs_is_replaced_with_all_containers(
    monkeypatch: pytest.MonkeyPatch, said: str, differs: bool
) -> None:
    done: list[str] = []
    answer = subprocess.CompletedProcess([], 0, "", said)
    monkeypatch.setattr("operations.compose.subprocess.run", lambda *_, **__: answer)
    monkeypatch.setattr(upgrade, "compose", lambda *words: done.append(words[0]))
    monkeypatch.setattr(upgrade, "bring_up_stores", lambda: done.append("stores"))
    monkeypatch.setattr(upgrade, "replace_services", lambda _: done.append("one by one"))
    assert upgrade.main(["--no-build"]) == 0
    assert done == (["--profile", "up"] if differs else ["stores", "one by one"])

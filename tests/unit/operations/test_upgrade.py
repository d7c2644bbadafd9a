"""`make upgrade` does its steps in an order that refuses nothing; tests/compose runs it."""

import subprocess

import pytest

from operations import upgrade
from tests.unit.operations.conftest import Steps, replaced

STORES = """run bootstrap, restart queue-redis, wait for queue-redis
run accounts, run migrate, run rights""".replace("\n", ", ").split(", ")


@pytest.mark.parametrize(
    ("words", "order"),
    [
        ("", "consumer publisher service-http api-gw frontend"),
        ("frontend consumer", "consumer frontend"),
    ],
)
def test_an_upgrade_goes_from_the_inside_out(steps_of: Steps, words: str, order: str) -> None:
    wanted = [*STORES, *(step for name in order.split() for step in replaced(name))]
    assert steps_of(upgrade.main, *words.split()) == wanted


@pytest.mark.parametrize("fails", ["run migrate", "ask a new one"])
def test_nothing_follows_a_step_that_failed(steps_of: Steps, fails: str) -> None:
    assert steps_of(upgrade.main, fails=fails)[-1] == fails


@pytest.mark.parametrize(("word", "differs"), [("Removed", True), ("Created", False)])
def test_a_network_that_differs_is_replaced_with_all_containers(
    monkeypatch: pytest.MonkeyPatch, word: str, differs: bool
) -> None:
    done: list[str] = []
    said = f" DRY-RUN MODE -  Network arloji_edge  {word} \n Container a-1  Removed \n"
    answer = subprocess.CompletedProcess([], 0, "", said)
    monkeypatch.setattr("operations.compose.subprocess.run", lambda *_, **__: answer)
    monkeypatch.setattr(upgrade, "compose", lambda *words: done.append(words[0]))
    monkeypatch.setattr(upgrade, "bring_up_stores", lambda: done.append("stores"))
    monkeypatch.setattr(upgrade, "replace_services", lambda _: done.append("one by one"))
    assert upgrade.main(["--no-build"]) == 0
    assert done == (["--profile", "up"] if differs else ["stores", "one by one"])

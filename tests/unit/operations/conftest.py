"""Docker as the operators' commands meet it, without any."""

import subprocess
from collections.abc import Callable

import pytest

from contracts.services import SERVICE_NAMES

Steps = Callable[..., list[str]]


class Docker:
    """Two of each service, Redis with new accounts, and one exporter that does not run."""

    def __init__(self, fails: str) -> None:
        self.steps: list[str] = []
        self._fails = fails
        self._running = dict.fromkeys((*SERVICE_NAMES, "mysqld-exporter"), 2)

    def __call__(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        said = "wrote queue-redis/users.acl"
        match [word for word in command[1:] if word != "compose"]:
            case ["ps", *_, service]:
                step, numbers = "", range(1, self._running.get(service, 0) + 1)
                said = " ".join(f"{service}-{number}" for number in numbers)
            case ["run", "--rm", "--no-TTY", "--no-deps", service, *own]:
                step = " ".join(["run", service, *own[-1:]])
            case ["up", *_, "--scale", scale, service]:
                self._running[service] = int(scale.removeprefix(f"{service}="))
                step = f"start {service}"
            case ["up", *_, service]:
                step = f"wait for {service}"
            case ["exec", container, *_]:
                step = f"ask {'an old' if container.endswith(('-1', '-2')) else 'a new'} one"
            case ["--dry-run", *_] | ["build", *_]:
                step, said = "", ""
            case [word, *names]:
                step = " ".join([word, *(name for name in names if name != "--no-deps")])
        self.steps += [step] if step else []
        code = int(bool(step) and step == self._fails)
        return subprocess.CompletedProcess(command, code, said, "")


@pytest.fixture
def steps_of(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What a command asks of Docker, up to the step that fails, if one is to."""

    def steps(main: Callable[[list[str]], int], *words: str, fails: str = "") -> list[str]:
        docker = Docker(fails)
        waited = "operations.compose.time.sleep"
        monkeypatch.setattr(waited, lambda s: s and docker.steps.append(f"settle for {s} s"))
        monkeypatch.setattr("operations.compose.subprocess.run", docker)
        assert main(list(words)) == (1 if fails else 0)
        return docker.steps

    return steps


def replaced(service: str) -> list[str]:
    """How a service of two containers is replaced."""
    new = [f"start {service}", "ask a new one", "ask a new one"]
    one, two = f"{service}-1", f"{service}-2"
    if service == "frontend":
        return [*new, "settle for 11 s", f"stop {one}", f"rm {one}", f"stop {two}", f"rm {two}"]
    return [*new, f"stop {one} {two}", f"rm {one} {two}"]

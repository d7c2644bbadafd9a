"""Docker as the operators' commands meet it, without any."""

import subprocess
from collections.abc import Callable

import pytest

from contracts.services import SERVICE_NAMES


class Docker:
    """Two of each service, Redis with new accounts, and one exporter that does not run."""

    def __init__(self, fails: str) -> None:
        self.steps: list[str] = []
        self._fails = fails
        names = (*SERVICE_NAMES, "mysqld-exporter")
        self._running = {name: [f"{name}-1", f"{name}-2"] for name in names}
        self._old = {one for ids in self._running.values() for one in ids}

    def __call__(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        match [word for word in command[1:] if word != "compose"]:
            case ["ps", *_, service]:
                ids = self._running.get(service, [])
                return subprocess.CompletedProcess(command, 0, "\n".join(ids), "")
            case ["run", "--rm", "--no-TTY", "--no-deps", service, *own]:
                step = " ".join(["run", service, *own[-1:]])
            case ["up", *_, "--scale", scale, service]:
                count = int(scale.removeprefix(f"{service}="))
                self._running[service] = [f"{service}-{n}" for n in range(1, count + 1)]
                step = f"start {service}"
            case ["up", *_, service]:
                step = f"wait for {service}"
            case ["exec", container, *_]:
                step = f"ask {'an old' if container in self._old else 'a new'} one"
            case ["--dry-run", *_] | ["build", *_]:
                return subprocess.CompletedProcess(command, 0, "", "")
            case [word, *names]:
                step = " ".join([word, *(name for name in names if name != "--no-deps")])
        self.steps.append(step)
        code, said = int(step == self._fails), "wrote queue-redis/users.acl"
        return subprocess.CompletedProcess(command, code, said, "")


Steps = Callable[..., list[str]]


@pytest.fixture
def steps_of(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """What a command asks of Docker, up to the step that fails, if one is to."""

    def steps(main: Callable[[list[str]], int], *words: str, fails: str = "") -> list[str]:
        docker = Docker(fails)

        def sleep(seconds: float) -> None:
            if seconds:
                docker.steps.append(f"settle for {seconds} s")

        monkeypatch.setattr("operations.compose.subprocess.run", docker)
        monkeypatch.setattr("operations.compose.time.sleep", sleep)
        assert main(list(words)) == (1 if fails else 0)
        return docker.steps

    return steps


@pytest.fixture
def replaced() -> Callable[[str], list[str]]:
    """How a service of two containers is replaced."""

    def steps(service: str) -> list[str]:
        new = [f"start {service}", "ask a new one", "ask a new one"]
        one, two = f"{service}-1", f"{service}-2"
        if service == "frontend":
            return [*new, "settle for 11 s", f"stop {one}", f"rm {one}", f"stop {two}", f"rm {two}"]
        return [*new, f"stop {one} {two}", f"rm {one} {two}"]

    return steps

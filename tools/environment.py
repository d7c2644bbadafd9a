"""Makes `.venv` what a lock file of requirements/ says, and nothing if it is that already; then
runs a command in it, with what local/inherited.py lets through.

`local` is what `make run` needs; `test` is that and more, so that it serves `make run` too.
`load` and `plots` are what `make load` and `make screenshots` need, each in an environment of its
own beneath, `.venv/load` and `.venv/plots`. `scenario` and `bench` are `local` with more of the
shell's variables.
"""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from local import inherited
from local.console import configure_terminal
from local.pip import PipFailed, environment_of
from servicekit.embedded import InvalidRun

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
_HANDED_ON = {
    "local": inherited.for_shop,
    "load": inherited.for_load,
    "scenario": inherited.for_scenarios,
    "plots": inherited.for_shop,
    "test": inherited.for_tests,
    # `--against` sets another commit up.
    "bench": inherited.for_pip,
}
_OF_THEIR_OWN = ("load", "plots")
LOG = VENV / "install.log"
_LOCKED = re.compile(r"(?P<name>[\w.-]+)(?:\[.*\])?==(?P<version>[^\s;]+) \\")


class SetUpFailed(Exception):
    """The environment cannot be made; the message says what to do."""


def main(kinds: str, command: Sequence[str]) -> int:
    """`kinds` by commas; the command is Python's arguments, in the environment of the first."""
    configure_terminal()
    first, *_ = kinds.split(",")
    try:
        require_venv()
        with alone():
            for kind in kinds.split(","):
                prepare(kind)
        python, handed_on = python_of(first), _HANDED_ON[first]()
        os.execve(python, [str(python), *command], handed_on)
    except (SetUpFailed, InvalidRun) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the next run goes on from here.", file=sys.stderr)
        return 130


def python_of(kind: str) -> Path:
    return home_of(kind) / "bin" / "python"


def home_of(kind: str) -> Path:
    return VENV / kind if kind in _OF_THEIR_OWN else VENV


def require_venv() -> None:
    """Debian, for one, leaves these two out of its python3 package."""
    missing = [name for name in ("venv", "ensurepip") if find_spec(name) is None]
    if missing:
        raise SetUpFailed(
            f"{sys.executable} has no {' and no '.join(missing)} module, which it takes to make "
            "an environment: install it (Debian and Ubuntu: apt install python3-venv), or name "
            "another Python with `make run PYTHON=…`."
        )


@contextmanager
def alone() -> Iterator[None]:
    """Two `make` at the same time must not build one environment."""
    descriptor = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def prepare(kind: str) -> None:
    if kind in _OF_THEIR_OWN:
        prepare_apart(kind)
        return
    kind = "local" if kind in ("bench", "scenario") else kind
    kinds = {"local": ("local", "test"), "test": ("test",)}[kind]
    if any(is_current(one) for one in kinds):
        return
    began = time.monotonic()
    # What is there and complete is added to: a shop that runs from it must not lose it.
    if not is_current("local"):
        create(VENV)
    fill(kind)
    print(f"The environment is ready after {time.monotonic() - began:.0f} s.")


def prepare_apart(kind: str) -> None:
    if not is_current(kind):
        create(home_of(kind))
        fill(kind)


def fill(kind: str) -> None:
    """Install, look, and only then say that it is done."""
    install(kind, python_of(kind))
    if missing := packages_missing(kind):
        raise SetUpFailed(
            f"pip said that all is installed, but {', '.join(missing[:3])} (of {len(missing)}) "
            f"cannot be found in {home_of(kind)}: see install.log there."
        )
    stamp(kind).write_text(fingerprint(kind))


def is_current(kind: str) -> bool:
    """The stamp is written last: an interrupted installation has none."""
    try:
        stamped = stamp(kind).read_text() == fingerprint(kind)
    except OSError:
        return False
    return stamped and python_of(kind).exists() and not packages_missing(kind)


def packages_missing(kind: str) -> list[str]:
    """What is locked for every machine, and not there."""
    lines = lock_file(kind).read_text(encoding="utf-8").splitlines()
    locked = [found for line in lines if (found := _LOCKED.fullmatch(line))]
    there = {
        (normal(name), version)
        for folder in home_of(kind).glob("lib/python*/site-packages/*.dist-info")
        for name, _, version in [folder.name.removesuffix(".dist-info").rpartition("-")]
    }
    return [one["name"] for one in locked if (normal(one["name"]), one["version"]) not in there]


def normal(name: str) -> str:
    """As the packaging specification compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def stamp(kind: str) -> Path:
    return home_of(kind) / f"installed-{kind}"


def lock_file(kind: str) -> Path:
    return ROOT / "requirements" / f"{kind}.txt"


def fingerprint(kind: str) -> str:
    """Of all that an environment depends on: the lock and the Python."""
    about = (sys.version, sys.base_prefix, sysconfig.get_platform())
    return hashlib.sha256(lock_file(kind).read_bytes() + repr(about).encode()).hexdigest()


def create(home: Path) -> None:
    name = home.relative_to(ROOT)
    print(f"Making the environment {name} with Python {sys.version.split()[0]} …", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(home)]
    run(command, inherited.for_pip(), "The environment cannot be made")


def install(kind: str, python: Path) -> None:
    lock = lock_file(kind)
    total = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    command = [
        *(str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"),
        *("--require-hashes", "--no-deps", "--progress-bar", "off", "--requirement", str(lock)),
    ]
    print(f"Installing what requirements/{lock.name} locks …", flush=True)
    complaint = "The packages cannot be installed"
    try:
        environment = environment_of(str(python), "install")
    except PipFailed as failure:
        raise SetUpFailed(f"{complaint}:\n{failure}") from None
    run(command, environment, complaint, total)


def run(command: list[str], env: Mapping[str, str], complaint: str, packages: int = 0) -> None:
    """Output goes to a log file, progress to the terminal, the end of the log to whoever has
    to know why it failed."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            show_progress(lines, packages)
    if packages and sys.stdout.isatty():
        print()
    if VENV.is_dir():
        LOG.write_text("".join(lines), encoding="utf-8")
    if process.returncode != 0:
        raise SetUpFailed(f"{complaint}:\n{''.join(lines[-10:]).rstrip()}")


def show_progress(lines: list[str], packages: int) -> None:
    if not packages or not lines[-1].startswith(("Collecting ", "Installing ")):
        return
    done = sum(line.startswith("Collecting ") for line in lines)
    text = f"  {done} of {packages} packages" if "Collecting" in lines[-1] else "  unpacking …"
    if sys.stdout.isatty():
        print(f"\r{text:<40}", end="", flush=True)
    elif done % 20 == 0 or "unpacking" in text:
        print(text, flush=True)

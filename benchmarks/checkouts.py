"""Another commit beside this one: checked out, set up by its own tools, and gone afterwards."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local import inherited
from local.layout import ROOT


class NoCheckout(Exception):
    """The commit cannot be checked out or set up; the message has what git or make said."""


@dataclass(frozen=True)
class Checkout:
    """A folder with the shop in it, and the Python that it runs on."""

    name: str
    root: Path
    python: str


HERE = Checkout("this one", ROOT, sys.executable)


@contextmanager
def checked_out(commit: str, folder: Path, progress: Callable[[str], None]) -> Iterator[Checkout]:
    """The commit, in `folder`, until the end of the block, however that comes. Raises
    `NoCheckout`."""
    root = folder / "other"
    try:
        short = _run(_git("rev-parse", "--short", f"{commit}^{{commit}}"), ROOT).strip()
        progress(f"checking {short} out")
        _run(_git("worktree", "add", "--detach", str(root), short), ROOT)
        progress(f"setting {short} up by its own `make`")
        # The interpreter that this environment was made with makes the other one too.
        python = getattr(sys, "_base_executable", sys.executable)
        make = [shutil.which("make") or "make", "run", f"PYTHON={python}", "OPTIONS=--help"]
        _run(make, root)
        yield Checkout(short, root, str(root / ".venv" / "bin" / "python"))
    finally:
        shutil.rmtree(root, ignore_errors=True)
        # Of this one, and of those whose benchmark was killed.
        subprocess.run(_git("worktree", "prune"), cwd=ROOT, capture_output=True, check=False)


def _git(*arguments: str) -> list[str]:
    return [shutil.which("git") or "git", *arguments]


def _run(command: list[str], folder: Path) -> str:
    try:
        return subprocess.run(
            command, cwd=folder, env=inherited.for_pip(), check=True, capture_output=True, text=True
        ).stdout
    except OSError as error:
        raise NoCheckout(f"{command[0]}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip()[-2000:]
        raise NoCheckout(f"{' '.join(command)} failed:\n{said}") from error

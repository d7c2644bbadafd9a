"""Running what builds things, with its output in the error."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class BuildFailed(Exception):
    """A command failed; the message holds the end of what it printed."""


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Returns what it printed; raises `BuildFailed`."""
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        shown = " ".join(str(part) for part in command)
        raise BuildFailed(f"{shown}\n{done.stdout[-4000:]}")
    return done.stdout

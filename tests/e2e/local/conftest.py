"""Runs that end by themselves."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.free_port import free_offset
from local.layout import ROOT

Launch = Callable[..., tuple[int, str]]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """`launch(*options, data=…, offset=…, **variables)`: the exit code of a run that is expected to
    end by itself, and what it said."""

    def start(
        *options: str, data: Path = tmp_path, offset: int | None = None, **variables: str
    ) -> tuple[int, str]:
        here = {
            "ARLOJI_DATA": str(data),
            "ARLOJI_PORT_OFFSET": str(free_offset() if offset is None else offset),
        }
        done = subprocess.run(
            [sys.executable, "-m", "local", *options],
            cwd=ROOT,
            env={**os.environ, **here, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        return done.returncode, done.stdout

    return start

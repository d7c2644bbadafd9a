"""The compose project as an operator's commands see it: which one it is, COMPOSE_PROJECT_NAME and
COMPOSE_FILE say, as for `docker compose` itself. Standard library only."""

import re
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = "120"


class ComposeFailed(Exception):
    """A docker command failed; it has said why."""


def docker(*arguments: str) -> str:
    """Returns what it printed; complaints go to the terminal. Raises `ComposeFailed`."""
    done = subprocess.run(
        ["docker", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise ComposeFailed(f"`docker {' '.join(arguments)}` ended with {done.returncode}")
    return done.stdout


def compose(*arguments: str) -> str:
    return docker("compose", *arguments)


def networks_differ() -> bool:
    """Whether a network that containers are on is defined otherwise now. compose would stop some
    of these, fail to remove it, and leave them stopped."""
    done = subprocess.run(
        ["docker", "compose", "--dry-run", "up", "--detach", "--no-build"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return re.search(r"Network \S+ +Remov", done.stdout + done.stderr) is not None


def running(service: str) -> list[str]:
    """Ids of its running containers."""
    return compose("ps", "--quiet", "--status", "running", service).split()


def run_once(service: str, *command: str) -> str:
    """A job of compose.yaml, in a fresh container; with another command if one is given.
    Returns what it printed, which is shown as well."""
    shown = compose("run", "--rm", "--no-TTY", "--no-deps", service, *command)
    print(shown, end="", flush=True)
    return shown


def restart(*services: str) -> None:
    """All at once; returns when they are ready."""
    compose("restart", "--no-deps", *services)
    compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", *services)
    print(f"{', '.join(services)}: restarted", flush=True)


def replace(service: str, *, settle_seconds: float = 0, one_by_one: bool = False) -> None:
    """Scale out, wait until the new ones are ready, retire the old ones.

    Each container is replaced by one of the image and the settings as they are now. After
    `settle_seconds` more, whoever sends requests has taken notice of the new ones.
    """
    old = running(service)
    if not old:
        print(f"{service}: not running", flush=True)
        return
    began = time.monotonic()
    out = ("up", "--detach", "--no-deps", "--no-recreate", "--scale")
    compose(*out, f"{service}={2 * len(old)}", service)
    for new in set(running(service)) - set(old):
        # Asked here, as Docker's own health check looks every few seconds only.
        docker("exec", new, "python", "-m", "servicekit.probes", "--ready", "--wait", READY_SECONDS)
    ready = time.monotonic()
    time.sleep(settle_seconds)
    for group in [[one] for one in old] if one_by_one else [old]:
        docker("stop", *group)
        docker("rm", *group)
    took = f"ready after {ready - began:.0f} s, done after {time.monotonic() - began:.0f} s"
    print(f"{service}: {len(old)} replaced, {took}", flush=True)

"""`make reload`: whatever in Docker reads a file of this folder that is newer than its own start
starts anew. `docker compose up` sees changes of compose.yaml and of images only."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from operations.compose import ROOT, ComposeFailed, compose, docker, restart


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="make reload", description=__doc__).parse_args(arguments)
    try:
        started = start_times()
        changed = {
            service: path
            for service, paths in mounted().items()
            for changed_at, path in [newest(paths)]
            if service in started and started[service] < changed_at
        }
        for service, path in sorted(changed.items()):
            print(f"{service}: {path.relative_to(ROOT)} has changed", flush=True)
        if changed:
            restart(*sorted(changed))
        else:
            print("everything runs with the files of this folder", flush=True)
    except ComposeFailed as error:
        print(f"stopped half way, nothing is lost: {error}. Repeat it when that is repaired.")
        return 1
    return 0


def mounted() -> dict[str, list[Path]]:
    """What a service mounts of this folder."""
    described = json.loads(compose("--profile", "*", "config", "--format", "json"))
    found = {
        name: [
            source
            for volume in service.get("volumes", [])
            if volume["type"] == "bind"
            and (source := Path(volume["source"]).resolve()).is_relative_to(ROOT)
        ]
        for name, service in described["services"].items()
    }
    return {name: paths for name, paths in found.items() if paths}


def newest(paths: Sequence[Path]) -> tuple[float, Path]:
    """The last change below these, and where. Not of a content alone: git, editors and copies
    that keep an older time of modification leave the time of the change."""
    return max((one.stat().st_ctime, one) for path in paths for one in (path, *path.rglob("*")))


def start_times() -> dict[str, float]:
    """Of each service that runs, its oldest container's."""
    ids = compose("--profile", "*", "ps", "--quiet", "--status", "running").split()
    times: dict[str, float] = {}
    for one in json.loads(docker("inspect", *ids)) if ids else []:
        service = one["Config"]["Labels"]["com.docker.compose.service"]
        began = datetime.fromisoformat(one["State"]["StartedAt"]).timestamp()
        times[service] = min(began, times.get(service, began))
    return times


if __name__ == "__main__":
    sys.exit(main())

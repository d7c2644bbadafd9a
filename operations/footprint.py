"""`make footprint`: how much memory the running stack uses, as a table for the README.

Use is the working set: what a container uses less the file pages that the kernel may drop, which
is also what `docker stats` shows. The peak over the time watched counts.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from operations.compose import ComposeFailed, compose, docker

# A limit leaves half as much again as was ever used, and is a round number.
HEADROOM = 1.5
ROUND_TO_MIB = 8
MAX_SHARE = 0.8
_UNITS = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2**10}


@dataclass(frozen=True)
class Use:
    """Of all containers of one service; `peak_mib` and `limit_mib` are of the largest one."""

    service: str
    replicas: int
    peak_mib: float
    total_mib: float
    limit_mib: float

    @property
    def share(self) -> float:
        return self.peak_mib / self.limit_mib

    @property
    def proposed_limit_mib(self) -> int:
        return math.ceil(self.peak_mib * HEADROOM / ROUND_TO_MIB) * ROUND_TO_MIB


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operations.footprint", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="watch for so long; default: once")
    parser.add_argument(
        "--without", action="append", default=[], metavar="SERVICE", help="do not count this one"
    )
    options = parser.parse_args(arguments)
    try:
        uses = watch(options.seconds, frozenset(options.without))
    except ComposeFailed as error:
        print(error, file=sys.stderr)
        return 2
    print(table(uses))
    over = [use.service for use in uses if use.share > MAX_SHARE]
    if over:
        print(f"\nabove {MAX_SHARE:.0%} of its limit: {', '.join(over)}", file=sys.stderr)
    return 1 if over else 0


def watch(seconds: float, without: frozenset[str] = frozenset()) -> list[Use]:
    """Largest first. Containers that come and go meanwhile count while they are there."""
    deadline = time.monotonic() + seconds
    peaks: dict[str, tuple[str, float, float]] = {}
    while True:
        for container, service, used, limit in _measure():
            known = peaks.get(container, (service, 0.0, limit))[1]
            if service not in without:
                peaks[container] = (service, max(known, used), limit)
        if time.monotonic() >= deadline:
            break
    return _by_service(peaks.values())


def _measure() -> list[tuple[str, str, float, float]]:
    """Container, service, working set and limit in MiB."""
    services = {
        described["ID"]: described["Service"]
        for described in map(json.loads, compose("ps", "--format", "json").splitlines())
    }
    if not services:
        raise ComposeFailed("nothing runs")
    shown = docker("stats", "--no-stream", "--format", "{{json .}}", *services)
    measured = []
    for line in map(json.loads, shown.splitlines()):
        used, _, limit = line["MemUsage"].partition(" / ")
        container = next(one for one in services if one.startswith(line["Container"][:12]))
        measured.append((container, services[container], in_mib(used), in_mib(limit)))
    return measured


def in_mib(text: str) -> float:
    """From Docker's way of writing sizes, as in `83.8MiB`."""
    number = text.rstrip("KMGiB")
    return float(number) * _UNITS[text[len(number) :]]


def _by_service(peaks: Iterable[tuple[str, float, float]]) -> list[Use]:
    grouped: dict[str, list[tuple[float, float]]] = {}
    for service, peak, limit in peaks:
        grouped.setdefault(service, []).append((peak, limit))
    uses = [
        Use(
            service,
            len(found),
            max(peak for peak, _ in found),
            sum(peak for peak, _ in found),
            max(limit for _, limit in found),
        )
        for service, found in grouped.items()
    ]
    return sorted(uses, key=lambda use: -use.total_mib)


def table(uses: Sequence[Use]) -> str:
    """Markdown, with the limit that would follow from each peak."""
    lines = [
        "| service | containers | peak of one, MiB | in all | limit of one | used | half more |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {use.service} | {use.replicas} | {use.peak_mib:.0f} | {use.total_mib:.0f}"
        f" | {use.limit_mib:.0f} | {use.share:.0%} | {use.proposed_limit_mib} |"
        for use in uses
    ]
    containers = sum(use.replicas for use in uses)
    total = sum(use.total_mib for use in uses)
    limits = sum(use.limit_mib * use.replicas for use in uses)
    lines.append(f"| **in all** | {containers} | | **{total:.0f}** | {limits:.0f} | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

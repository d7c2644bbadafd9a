"""`make prune`: remove images that no container uses from this machine's Docker.

By default only images of this project (label `arloji.image`), and never the last three of each
kind, which a step back needs. --all is for machines that run nothing else: it removes every image
that no container uses and that came a week ago or earlier, and the build cache of that age. What a
container uses stays, a stopped one's too; volumes are never touched.
"""

import argparse
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from contracts.prometheus import render_gauges
from contracts.telemetry import (
    HOUSEKEEPING_DURATION,
    HOUSEKEEPING_FREED,
    HOUSEKEEPING_LAST_RUN,
)
from operations.compose import ComposeFailed, docker

LABEL = "arloji.image"
_NEVER_TAGGED = "0001-01-01"
_UNITS = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


@dataclass(frozen=True)
class Image:
    id: str
    tags: tuple[str, ...]
    kind: str | None
    # When it was built or pulled here, whichever is later.
    came_at: datetime

    @property
    def names(self) -> tuple[str, ...]:
        return self.tags or (self.id,)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _read_options(arguments)
    began = time.monotonic()
    code, freed = _prune(options)
    if options.textfile and not options.dry_run:
        _write_textfile(options.textfile, code, freed, time.monotonic() - began)
    return code


def _prune(options: argparse.Namespace) -> tuple[int, float]:
    """What to end with, and how many bytes are free now."""
    try:
        chosen = choose(
            list_images(), used_images(), keep=options.keep, days=options.days if options.all else 0
        )
        before = _size_of_images()
        kept = [] if options.dry_run else _remove(chosen)
        cache = _prune_cache(options) if options.all else 0.0
        freed = before - _size_of_images() + cache
    except ComposeFailed as error:
        print(f"images not pruned: {error}", file=sys.stderr)
        return 2, 0.0
    removed = [name for image in chosen for name in image.names if name not in kept]
    result = {"dry_run": options.dry_run, "removed": removed, "kept": kept, "bytes": round(freed)}
    if options.json:
        print(json.dumps(result))
    else:
        would = "would be removed" if options.dry_run else "removed"
        print("\n".join([*removed, f"{len(removed)} images {would}, {freed / 1e6:.0f} MB freed"]))
    return 1 if kept else 0, freed


def _write_textfile(path: Path, code: int, freed: float, seconds: float) -> None:
    """As the runs of `python -m housekeeping` are measured."""
    who = {"command": "prune-images"}
    outcome = who | {"outcome": ("success", "finding", "failure")[code]}
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    values = [
        (HOUSEKEEPING_LAST_RUN, outcome, time.time()),
        (HOUSEKEEPING_DURATION, who, seconds),
        (HOUSEKEEPING_FREED, who, freed),
    ]
    unfinished.write_text(render_gauges(values))
    unfinished.chmod(0o644)
    unfinished.rename(path)


def _read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make prune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=int, default=3, help="of each kind of ours (default: 3)")
    parser.add_argument("--all", action="store_true", help="foreign images and build cache too")
    parser.add_argument("--days", type=int, default=7, help="age for --all (default: 7)")
    parser.add_argument("--dry-run", action="store_true", help="list them and remove nothing")
    parser.add_argument(
        "--textfile", type=Path, metavar="FILE", help="leave the run's metrics here (node-exporter)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args(arguments)
    if options.keep < 1 or options.days < 1:
        parser.error("--keep and --days are 1 or more")
    return options


def list_images() -> list[Image]:
    ids = sorted(set(docker("image", "ls", "--quiet", "--no-trunc").split()))
    described = json.loads(docker("image", "inspect", *ids)) if ids else []
    return [_image(one) for one in described]


def used_images() -> set[str]:
    """By any container, running or not."""
    ids = docker("container", "ls", "--all", "--quiet", "--no-trunc").split()
    described = json.loads(docker("container", "inspect", *ids)) if ids else []
    return {one["Image"] for one in described}


def choose(images: Sequence[Image], used: set[str], *, keep: int, days: int = 0) -> list[Image]:
    """Those to remove, the oldest first; with `days` foreign ones of that age too."""
    newest = sorted(images, key=lambda image: image.came_at, reverse=True)
    oldest_kept = datetime.now(UTC) - timedelta(days=days)
    seen: dict[str, int] = defaultdict(int)
    chosen = []
    for image in newest:
        if image.kind is not None:
            seen[image.kind] += 1
            unwanted = seen[image.kind] > keep
        else:
            unwanted = days > 0 and image.came_at < oldest_kept
        if unwanted and image.id not in used:
            chosen.append(image)
    return chosen[::-1]


def _image(described: dict[str, object]) -> Image:
    found = json.loads(json.dumps(described))
    labels = (found.get("Config") or {}).get("Labels") or {}
    times = [found["Created"], (found.get("Metadata") or {}).get("LastTagTime") or ""]
    moments = [_moment(text) for text in times if text and not text.startswith(_NEVER_TAGGED)]
    return Image(
        found["Id"],
        tuple(found.get("RepoTags") or ()),
        labels.get(LABEL),
        max(moments, default=datetime.now(UTC)),  # unknown is young
    )


def _moment(text: str) -> datetime:
    """RFC 3339 with nanoseconds, which Python has no room for."""
    return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text).replace("Z", "+00:00"))


def _remove(images: Sequence[Image]) -> list[str]:
    """Without force, so that one that a new container took meanwhile stays; returns such."""
    kept = []
    for name in (name for image in images for name in image.names):
        try:
            docker("image", "rm", name)
        except ComposeFailed:
            kept.append(name)
    return kept


def _prune_cache(options: argparse.Namespace) -> float:
    if options.dry_run:
        return 0.0
    said = docker("builder", "prune", "--force", "--filter", f"until={24 * options.days}h")
    found = re.search(r"^Total(?: reclaimed space)?:\s*(\S+)$", said, re.MULTILINE)
    return _bytes(found[1]) if found else 0.0


def _size_of_images() -> float:
    """As Docker counts them, each layer once; to three or four digits."""
    lines = docker("system", "df", "--format", "{{.Type}}\t{{.Size}}").splitlines()
    sizes = dict(line.split("\t") for line in lines)
    return _bytes(sizes.get("Images", "0B"))


def _bytes(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)([kMGT]?B)", text)
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


if __name__ == "__main__":
    sys.exit(main())

"""Which images the project's own files name."""

import re
from collections.abc import Iterable
from pathlib import Path

from operations.compose import ROOT

_IMAGE = re.compile(r"^\s*(?:- )?image:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)
_BUILD_BASE = re.compile(r"^FROM\s+(\S+)(?:\s+AS\s+(\S+))?", re.MULTILINE | re.IGNORECASE)
# An image that a build takes and that a build argument replaces: its name, its default.
BUILD_ARGUMENT = re.compile(r"^ARG (\w+_IMAGE)=(\S+)$", re.MULTILINE)


def pinned_images(root: Path = ROOT) -> list[str]:
    """Every image named by a compose file or a `FROM`, sorted, without those built here."""
    compose = [root / "compose.yaml", *sorted(root.glob("*/compose.yaml"))]
    builds = [path for path in root.rglob("Dockerfile") if _is_part(path, root)]
    named = {
        *_named_in(_IMAGE, compose),
        *(image for path in builds for image in _bases(path.read_text(encoding="utf-8"))),
    }
    return _of_others(named)


def kubernetes_images(root: Path = ROOT) -> list[str]:
    """Every image of the base on Kubernetes, sorted, without those built here."""
    return _of_others(_named_in(_IMAGE, (root / "k8s/base").rglob("*.yaml")))


def _of_others(images: Iterable[str]) -> list[str]:
    return sorted(image for image in images if not image.startswith(("arloji", "scratch", "$")))


def _is_part(path: Path, root: Path) -> bool:
    """The stand-ins' own recipes and whatever is not ours do not count."""
    top = path.relative_to(root).parts[0]
    return top not in {"tools", ".venv", "var"}


def _named_in(pattern: re.Pattern[str], paths: Iterable[Path]) -> set[str]:
    return {
        found
        for path in paths
        if path.exists()
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    }


def _bases(dockerfile: str) -> set[str]:
    found = _BUILD_BASE.findall(dockerfile)
    stages = {stage for _, stage in found}
    defaults = {f"${name}": image for name, image in BUILD_ARGUMENT.findall(dockerfile)}
    return {defaults.get(image, image) for image, _ in found if image not in stages}


def repository_and_tag(image: str) -> tuple[str, str]:
    repository, _, tag = image.rpartition(":")
    return repository, tag

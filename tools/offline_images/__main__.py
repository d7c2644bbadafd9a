"""`python -m tools.offline_images [IMAGE…]`: build what is named and not here yet."""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from operations.compose import ComposeFailed
from operations.images import kubernetes_images, pinned_images, repository_and_tag
from operations.pin_images import replace_images
from tools.commands import BuildFailed, run
from tools.go_programs.build import build_program, module_settings
from tools.go_programs.catalogue import COLLECTOR, IMAGE_PROGRAMS, TEST_PROGRAMS
from tools.offline_images import docker
from tools.offline_images.base import ensure_base
from tools.offline_images.recipes import NOT_BUILDABLE, RECIPES, Recipe

CONTEXTS = Path(__file__).parent / "contexts"


class WrongVersion(BuildFailed):
    """The packages at hand are of another version than the tag: the image must not bear it."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.offline_images", description=__doc__)
    parser.add_argument(
        "images", nargs="*", metavar="IMAGE", help="only these; default: all pinned"
    )
    parser.add_argument(
        "--list", action="store_true", help="say what would be built, build nothing"
    )
    parser.add_argument(
        "--servers", action="store_true", help="build the Go servers only, which needs no Docker"
    )
    parser.add_argument(
        "--for-tests", action="store_true", help="also the servers of tests that no image has"
    )
    options = parser.parse_args(arguments)
    wanted = options.images or sorted({*pinned_images(), *kubernetes_images()})
    unknown = [
        image for image in wanted if repository_and_tag(image)[0] not in {*RECIPES, *NOT_BUILDABLE}
    ]
    if unknown:
        print(f"no recipe for: {', '.join(unknown)}", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(wanted))
        return 0
    try:
        _build(wanted, options)
    except (BuildFailed, ComposeFailed, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def _build(wanted: Sequence[str], options: argparse.Namespace) -> None:
    if not options.servers:
        others = build_all(wanted)
        if not options.images:
            replace_images(others)
    if options.servers or options.for_tests:
        build_servers()


def build_servers() -> None:
    for name in (*IMAGE_PROGRAMS, COLLECTOR, *TEST_PROGRAMS):
        print(f"{name}: {build_program(name)}", flush=True)


def build_all(wanted: Sequence[str]) -> dict[str, str]:
    """Returns those that have another patch level than is pinned, by the pinned name."""
    base = ensure_base()
    others: dict[str, str] = {}
    for number, image in enumerate(wanted, 1):
        repository, _ = repository_and_tag(image)
        step = f"[{number}/{len(wanted)}] {image}"
        if repository in NOT_BUILDABLE:
            print(f"{step}: left out, {NOT_BUILDABLE[repository]}", flush=True)
            continue
        began = time.monotonic()
        name, built = ensure_image(image, RECIPES[repository], base)
        state = f"built in {time.monotonic() - began:.0f} s" if built else "is here"
        if name != image:
            others[image] = name
            state += f" as {name}, which is what Debian has"
        print(f"{step}: {state}", flush=True)
    return others


def ensure_image(image: str, recipe: Recipe, base: str) -> tuple[str, bool]:
    """Build it unless an image of the very same recipe is here; returns the name it bears, and
    whether it was built."""
    key = _key(image, recipe, base)
    if here := docker.image_of(repository_and_tag(image)[0], key):
        return here, False
    with tempfile.TemporaryDirectory(prefix="arloji-image-") as folder:
        context = Path(folder) / "context"
        shutil.copytree(CONTEXTS / recipe.context, context)
        if recipe.server:
            shutil.copy2(build_program(recipe.server), context / "server")
        if recipe.fetches_modules:
            (context / "env").write_text(module_settings())
        unchecked = f"arloji-offline/unchecked:{key}"
        docker.build(context, unchecked, key, recipe.arguments)
    try:
        command, *rest = recipe.version
        shown = run(["docker", "run", "--rm", "--entrypoint", command, unchecked, *rest])
        name = honest_name(image, shown)
        run(["docker", "tag", unchecked, name])
    finally:
        subprocess.run(["docker", "rmi", unchecked], capture_output=True, check=False)
    return name, True


def _key(image: str, recipe: Recipe, base: str) -> str:
    digest = hashlib.sha256(f"{image} {base} {sorted(recipe.arguments.items())}".encode())
    for path in sorted((CONTEXTS / recipe.context).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    if recipe.server:
        digest.update(str(build_program(recipe.server)).encode())
    return digest.hexdigest()[:16]


def honest_name(image: str, shown: str) -> str:
    """A stand-in never bears a version that it is not: with another patch level it gets that one's
    tag, with another minor version none."""
    repository, tag = repository_and_tag(image)
    promised = re.search(r"[0-9]+\.[0-9]+\.[0-9]+", tag)
    found = re.search(r"(?<![0-9.])[0-9]+\.[0-9]+\.[0-9]+", shown)
    if promised is None or found is None or _minor(promised[0]) != _minor(found[0]):
        raise WrongVersion(f"{image} would be: {shown.strip()[:300]}")
    return f"{repository}:{tag.replace(promised[0], found[0])}"


def _minor(version: str) -> str:
    return version.rpartition(".")[0]


if __name__ == "__main__":
    sys.exit(main())

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

from tools.offline_images import docker
from tools.offline_images.base import ensure_base
from tools.offline_images.go_servers import COLLECTOR, GO_SERVERS, build_server
from tools.offline_images.pins import pinned_images, repository_and_tag
from tools.offline_images.recipes import NOT_BUILDABLE, RECIPES, Recipe

CONTEXTS = Path(__file__).parent / "contexts"


class WrongVersion(docker.BuildFailed):
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
    options = parser.parse_args(arguments)
    wanted = options.images or pinned_images()
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
        if options.servers:
            build_servers()
        else:
            build_all(wanted)
    except (docker.BuildFailed, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def build_servers() -> None:
    for name in (*GO_SERVERS, COLLECTOR):
        print(f"{name}: {build_server(name)}", flush=True)


def build_all(wanted: Sequence[str]) -> None:
    base = ensure_base()
    for number, image in enumerate(wanted, 1):
        repository, _ = repository_and_tag(image)
        step = f"[{number}/{len(wanted)}] {image}"
        if repository in NOT_BUILDABLE:
            print(f"{step}: left out, {NOT_BUILDABLE[repository]}", flush=True)
            continue
        began = time.monotonic()
        built = ensure_image(image, RECIPES[repository], base)
        state = f"built in {time.monotonic() - began:.0f} s" if built else "is here"
        print(f"{step}: {state}", flush=True)


def ensure_image(image: str, recipe: Recipe, base: str) -> bool:
    """Build it unless an image of the very same recipe is here; returns whether it was built."""
    key = _key(recipe, base)
    if docker.recipe_of(image) == key:
        return False
    with tempfile.TemporaryDirectory(prefix="arloji-image-") as folder:
        context = Path(folder) / "context"
        shutil.copytree(CONTEXTS / recipe.context, context)
        if recipe.server:
            shutil.copy2(build_server(recipe.server), context / "server")
        unchecked = f"arloji-offline/unchecked:{key}"
        docker.build(context, unchecked, key, recipe.arguments)
    try:
        _check_version(unchecked, image, recipe)
        docker.run(["docker", "tag", unchecked, image])
    finally:
        subprocess.run(["docker", "rmi", unchecked], capture_output=True, check=False)
    return True


def _key(recipe: Recipe, base: str) -> str:
    digest = hashlib.sha256(f"{base} {sorted(recipe.arguments.items())}".encode())
    for path in sorted((CONTEXTS / recipe.context).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    if recipe.server:
        digest.update(str(build_server(recipe.server)).encode())
    return digest.hexdigest()[:16]


def _check_version(built: str, image: str, recipe: Recipe) -> None:
    """A stand-in never bears a version that it is not."""
    promised = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", repository_and_tag(image)[1])
    command, *rest = recipe.version
    shown = docker.run(["docker", "run", "--rm", "--entrypoint", command, built, *rest])
    if promised is None or not re.search(rf"(?<![0-9.]){re.escape(promised[1])}(?![0-9])", shown):
        raise WrongVersion(f"{image} would be: {shown.strip()[:300]}")


if __name__ == "__main__":
    sys.exit(main())

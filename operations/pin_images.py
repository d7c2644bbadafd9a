"""`make pin`: every image as it is today, by its digest, in a file that `docker compose` reads
beside compose.yaml. A tag can be moved by whoever owns it, a digest cannot."""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from operations.compose import ROOT, ComposeFailed, compose, docker
from operations.images import BUILD_ARGUMENT, pinned_images

OVERRIDE = ROOT / "compose.override.yaml"
_MARK = "# Written by a command of this repository; remove it to go back to compose.yaml's tags.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="make pin", description=__doc__).parse_args(arguments)
    try:
        replace_images({image: with_digest(image) for image in pinned_images()})
    except ComposeFailed as error:
        print(f"nothing was written: {error}")
        return 1
    print(f"written: {OVERRIDE.name}. `docker compose up --detach --build` takes these images.")
    return 0


def with_digest(image: str) -> str:
    """Pulled from its registry, which knows it by one digest for all kinds of processors."""
    docker("pull", "--quiet", image)
    shown = docker("image", "inspect", "--format", "{{json .RepoDigests}}", image)
    repository = image.rpartition(":")[0]
    for reference in json.loads(shown):
        name, _, digest = reference.partition("@")
        if name.endswith(repository):
            print(f"{image}@{digest}", flush=True)
            return f"{image}@{digest}"
    raise ComposeFailed(f"{image} has no digest: it was built here")


def replace_images(replacements: Mapping[str, str]) -> None:
    """Write the override, or remove the one that was written, if there is nothing to replace.
    Raises `ComposeFailed` rather than touch somebody else's."""
    if OVERRIDE.exists() and not OVERRIDE.read_text(encoding="utf-8").startswith(_MARK):
        raise ComposeFailed(f"{OVERRIDE.name} is your own: add the images to it yourself")
    if not replacements:
        OVERRIDE.unlink(missing_ok=True)
        return
    described = compose("--file", "compose.yaml", "--profile", "*", "config", "--format", "json")
    services = {
        name: changed
        for name, service in json.loads(described)["services"].items()
        if (changed := _replaced(service, replacements))
    }
    OVERRIDE.write_text(_MARK + json.dumps({"services": services}, indent=2) + "\n")


def _replaced(service: Mapping[str, Any], replacements: Mapping[str, str]) -> dict[str, Any]:
    if build := service.get("build"):
        text = (Path(build["context"]) / build.get("dockerfile", "Dockerfile")).read_text()
        found = re.findall(BUILD_ARGUMENT, text)
        bases = {name: replacements[image] for name, image in found if image in replacements}
        return {"build": {"args": bases}} if bases else {}
    image = service.get("image", "")
    return {"image": replacements[image]} if image in replacements else {}


if __name__ == "__main__":
    sys.exit(main())

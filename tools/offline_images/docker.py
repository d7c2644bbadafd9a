"""The few docker commands that building needs."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tools.commands import run

RECIPE_LABEL = "arloji.recipe"


def recipe_of(image: str) -> str | None:
    """The recipe that an image present here was built from; None if there is none."""
    shown = subprocess.run(
        [
            "docker",
            "image",
            "inspect",
            image,
            "--format",
            f'{{{{index .Config.Labels "{RECIPE_LABEL}"}}}}',
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip() if shown.returncode == 0 else None


def image_of(repository: str, recipe: str) -> str | None:
    """The image of this repository here that the recipe has made. Images that are built on one
    bear its label as well, under other names."""
    label = f"label={RECIPE_LABEL}={recipe}"
    form = "{{.Repository}}:{{.Tag}}"
    return next(
        iter(run(["docker", "images", "--filter", label, "--format", form, repository]).split()),
        None,
    )


def build(context: Path, image: str, recipe: str, arguments: Mapping[str, str]) -> None:
    command: list[str | Path] = ["docker", "build", "--quiet", "--tag", image]
    for name, value in arguments.items():
        command += ["--build-arg", f"{name}={value}"]
    command += ["--label", f"{RECIPE_LABEL}={recipe}", context]
    run(command)

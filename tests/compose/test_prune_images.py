"""Pruning on a real engine: made images of ours and of somebody else, of several ages."""

import json
import sys
from pathlib import Path

import pytest

from tests.compose.project import ComposeProject

_KIND = "prune-test"
_FOREIGN = "prune-test-foreign:1"


@pytest.fixture
def images(project: ComposeProject, tmp_path: Path) -> list[str]:
    """Five of a kind of their own, and one without our label, on top of the service's image."""
    names = [f"{_KIND}:{n}" for n in range(5)]
    for name, label in ((_FOREIGN, ""), *((name, f"LABEL arloji.image={_KIND}") for name in names)):
        # Without layers of ours beneath, whose label would be inherited.
        folder = tmp_path / name.replace(":", "-")
        folder.mkdir()
        (folder / "name").write_text(name)
        (folder / "Dockerfile").write_text(f"FROM scratch\nCOPY name /\n{label}\n")
        project.run("docker", "build", "--quiet", "--tag", name, str(folder))
    return names


def test_old_images_of_ours_go_and_everything_else_stays(
    project: ComposeProject, images: list[str]
) -> None:
    """What this project runs is used; the newest three of the kind are kept."""
    running = {container.id for container in project.containers()}
    volumes = project.run("docker", "volume", "ls", "--quiet")
    command = (sys.executable, "-Es", "-m", "operations.prune_images", "--json")
    before = json.loads(project.run(*command, "--dry-run"))
    assert set(images[:2]) <= set(before["removed"])
    result = json.loads(project.run(*command))
    assert set(result["removed"]) & {*images, _FOREIGN} == set(images[:2])
    left = project.run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert {*images[2:], _FOREIGN, project.image} <= set(left)
    assert {container.id for container in project.containers()} == running
    assert project.run("docker", "volume", "ls", "--quiet") == volumes
    project.run("docker", "image", "rm", *images[2:], _FOREIGN)

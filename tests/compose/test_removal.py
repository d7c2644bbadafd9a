"""What deletes the shop deletes all of it, whatever profile the shell asks for."""

import re

from tests.compose.project import ROOT, ComposeProject


def test_the_documented_command_leaves_nothing(project: ComposeProject) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    (command,) = re.findall(r"^\| `(docker compose [^`]+)` \| nothing: this deletes", text, re.M)
    project.run("sh", "-c", command, COMPOSE_PROFILES="minimal")
    label = f"label=com.docker.compose.project={project.name}"
    for kind in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        assert project.run("docker", *kind, "--quiet", "--filter", label) == "", kind

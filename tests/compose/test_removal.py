"""What deletes the shop deletes all of it, whatever profile the shell asks for."""

import json
import re

from tests.compose.project import ROOT, CommandFailed, ComposeProject


def test_the_documented_command_leaves_nothing(project: ComposeProject) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    (command,) = re.findall(r"^\| `(docker compose [^`]+)` \| nothing: this deletes", text, re.M)
    leaked = False
    for _ in range(2):  # one that fails at a network may not have come to each volume
        try:
            project.run("sh", "-c", command, COMPOSE_PROFILES="minimal")
            break
        except CommandFailed as failure:
            # The engine's own fault: `ComposeProject.down` says which.
            if "has active endpoints" not in str(failure):
                raise
            leaked = True
    label = f"label=com.docker.compose.project={project.name}"
    for kind in (("ps", "--all"), ("volume", "ls")):
        assert project.run("docker", *kind, "--quiet", "--filter", label) == "", kind
    left = project.run("docker", "network", "ls", "--quiet", "--filter", label).split()
    assert leaked or not left
    for network in left:
        (described,) = json.loads(project.run("docker", "network", "inspect", network))
        assert described["Containers"] == {}, described["Name"]

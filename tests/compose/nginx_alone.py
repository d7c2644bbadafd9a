"""The stack's nginx and its configuration, without the stack."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.compose.project import ComposeProject


class NginxAlone:
    """In a network of its own, where whoever listens on port 9000 is its frontend."""

    def __init__(self, project: ComposeProject, name: str) -> None:
        self._project, self._name = project, name

    def probe(self, script: str, *arguments: str) -> Any:
        """Run a Python script beside it, once it listens on port 8080."""
        beside = ["--network", f"container:{self._name}"]
        return self._project.probe(_WAIT + script, *arguments, options=beside)

    def access_log(self) -> list[dict[str, Any]]:
        lines = self._project.run("docker", "logs", self._name).splitlines()
        return [json.loads(line) for line in lines]


_WAIT = """
import socket, time
for _ in range(100):
    try:
        socket.create_connection(("127.0.0.1", 8080), 5).close()
        break
    except OSError:
        time.sleep(0.1)
"""


@contextmanager
def nginx_alone(project: ComposeProject, **environment: str) -> Iterator[NginxAlone]:
    described = json.loads(project.compose("config", "--format", "json"))["services"]["ingress"]
    folder, name = project.root.parent / "nginx-alone", f"{project.name}-nginx-alone"
    shutil.copytree(project.root / "ingress", folder)
    (folder / "conf/upstream.conf").write_text("upstream frontend { server 127.0.0.1:9000; }")
    settings = {**described["environment"], **environment}
    given = [part for one in settings.items() for part in ("--env", "=".join(one))]
    places = ("--volume", f"{folder}:/etc/nginx/arloji:ro", "--tmpfs", "/var/log/arloji:uid=101")
    confined = ("--user", described["user"], "--read-only", "--tmpfs", "/tmp:uid=101")
    options = (*confined, *given, *places, "--network", "none", "--name", name)
    command = (described["image"], *described["command"])
    try:
        project.run("docker", "run", "--detach", *options, *command)
        yield NginxAlone(project, name)
    finally:
        project.run("docker", "rm", "--force", "--volumes", name)
        shutil.rmtree(folder)

"""The compose project of the tests: brought up once, asked and disturbed as an operator would."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from local.free_port import free_port
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
# The second is there if `make images-offline` has found other patch levels than are pinned.
FILES = ("compose.yaml", "compose.override.yaml", "tests/compose/override.yaml")
# Left out by the override: no stand-in can be built for them.
LEFT_OUT = {"grafana", "victoria-traces"}
INIT_JOBS = {"bootstrap", "accounts", "migrate", "rights"}
_COMMAND_SECONDS = 400
# Followed by the number of the process that tests.
PREFIX = "arloji-tests-"
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".*_cache", ".hypothesis", "var", "__pycache__"
)

# Reads the shop's database from within the consumer, which may read all of it but the words of the
# search.
READ_ROWS = """
import json, sys, pymysql
from decimal import Decimal
from urllib.parse import urlsplit
url = urlsplit(open("/run/secrets/database_url").read().strip())
query, parameters = json.load(sys.stdin)
connection = pymysql.connect(
    host=url.hostname, user=url.username, password=url.password, database=url.path[1:],
    cursorclass=pymysql.cursors.DictCursor,
)
with connection.cursor() as cursor:
    cursor.execute(query, parameters)
    rows = cursor.fetchall()
as_json = lambda value: int(value) if isinstance(value, Decimal) else str(value)
print(json.dumps(rows, default=as_json))
"""


class CommandFailed(AssertionError):
    """A docker command ended with an error; the message holds what it printed."""


@dataclass(frozen=True)
class Container:
    id: str
    name: str
    service: str
    state: str
    health: str
    pid: int
    started_at: str
    restarts: int
    oom_killed: bool
    # Network (without the project's name) → address.
    addresses: Mapping[str, str]
    # Volume (without the project's name) → where it is mounted.
    volumes: Mapping[str, str]

    @property
    def well(self) -> bool:
        return self.state == "running" and self.health in ("healthy", "")


class ComposeProject:
    """Offers the tests of the embedded run what they know of a stack: `shop_url`, `telemetry_url`,
    `pause`, `resume` and `rows`."""

    def __init__(self, name: str, *, kept: bool = False) -> None:
        """A kept one has the same ports each time."""
        self.name = name
        # When the last `up` had returned.
        self.up_since = datetime.now(UTC)
        # A copy, whose files tests may change; in a folder whose name has to be quoted.
        self.root = Path(tempfile.gettempdir()) / name / "a shop"
        port, receiver_port = (18080, 14318) if kept else (free_port(), free_port())
        self.shop_url = f"http://127.0.0.1:{port}"
        self.telemetry_url = f"http://127.0.0.1:{receiver_port}"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not _is_ours(key)},
            "COMPOSE_PROJECT_NAME": name,
            "COMPOSE_FILE": os.pathsep.join(one for one in FILES if (ROOT / one).exists()),
            "COMPOSE_PROFILES": "telemetry",
            "COMPOSE_PROGRESS": "plain",
            "ARLOJI_PORT": str(port),
            "ARLOJI_RECEIVER_PORT": str(receiver_port),
            "ARLOJI_VERSION": "tests",
            "ARLOJI_DOCKER_ROOT": _docker_root(),
        }

    @classmethod
    def beside(cls, name: str) -> Self:
        """Another one of the same tests."""
        return cls(f"{PREFIX}{os.getpid()}-{name}")

    @property
    def image(self) -> str:
        return f"arloji/service:{self.environment['ARLOJI_VERSION']}"

    def image_of(self, service: str) -> str:
        described = json.loads(self.compose("config", "--format", "json"))
        image: str = described["services"][service]["image"]
        return image

    def compose(self, *arguments: str, **environment: str) -> str:
        """With a Docker client that is configured for a proxy, which nobody inside may ask."""
        config = {"DOCKER_CONFIG": str(self._client_behind_proxy())}
        return self.run("docker", "compose", *arguments, **config, **environment)

    def build(self, *services: str) -> None:
        self.run("docker", "compose", "build", *services)

    def _client_behind_proxy(self) -> Path:
        folder = self.root.parent / "docker-client"
        if not folder.exists():
            folder.mkdir(parents=True)
            given = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
            settings = {}
            for one in given.iterdir() if given.exists() else ():
                if one.name == "config.json":
                    settings = json.loads(one.read_text())
                else:
                    (folder / one.name).symlink_to(one)
            dead = "http://127.0.0.1:9"
            proxies = {"httpProxy": dead, "httpsProxy": dead, "allProxy": dead}
            settings["proxies"] = {"default": proxies}
            (folder / "config.json").write_text(json.dumps(settings))
        return folder

    def run(self, *command: str, stdin: str | None = None, **environment: str) -> str:
        """Returns what it printed; raises `CommandFailed`."""
        done = subprocess.run(
            command,
            cwd=self.root if self.root.exists() else ROOT,
            env={**self.environment, **environment},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode:
            shown = " ".join(command)[:500]
            raise CommandFailed(f"{shown}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def copy(self) -> None:
        shutil.copytree(ROOT, self.root, ignore=_NOT_COPIED, dirs_exist_ok=True)

    def forget(self) -> None:
        shutil.rmtree(self.root.parent, ignore_errors=True)

    def change(self, name: str, pattern: str, new: str) -> None:
        """As git does it: another file under the same name."""
        path = self.root / name
        text, times = re.subn(pattern, new, path.read_text())
        assert times, f"{name} does not say {pattern!r}"
        written = path.with_name(f"{path.name}.new")
        written.write_text(text)
        written.replace(path)

    def up(self, *arguments: str, **environment: str) -> None:
        self.compose("up", "--detach", "--wait", *arguments, **environment)
        self.up_since = datetime.now(UTC)

    def down(self, *arguments: str) -> None:
        """An engine as old as 20.10 may forget to free an address of a container that was killed:
        its network then stays."""
        try:
            self.compose("down", "--remove-orphans", *arguments)
        except CommandFailed as failure:
            if "has active endpoints" not in str(failure):
                raise
        # It may return while the engine still removes one.
        eventually(
            lambda: [(one.name, one.state) for one in self.all_containers()],
            lambda left: left == [],
        )

    def containers(self, *services: str) -> list[Container]:
        """Those that should be running, init jobs left out."""
        found = self.all_containers()
        return [
            one
            for one in found
            if one.service not in INIT_JOBS and (not services or one.service in services)
        ]

    def all_containers(self) -> list[Container]:
        label = f"label=com.docker.compose.project={self.name}"
        found = self.run("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", label)
        if not (ids := found.split()):
            return []
        try:
            described = json.loads(self.run("docker", "inspect", *ids))
        except CommandFailed as failure:
            # One of them, which was run once, has gone meanwhile.
            if "No such object" not in str(failure):
                raise
            return self.all_containers()
        return sorted((self._container(one) for one in described), key=lambda one: one.name)

    def _container(self, described: Mapping[str, Any]) -> Container:
        state, prefix = described["State"], f"{self.name}_"
        return Container(
            id=described["Id"],
            name=described["Name"].removeprefix(f"/{self.name}-"),
            service=described["Config"]["Labels"]["com.docker.compose.service"],
            state=state["Status"],
            health=state.get("Health", {}).get("Status", ""),
            pid=state["Pid"],
            started_at=state["StartedAt"],
            restarts=described["RestartCount"],
            oom_killed=state["OOMKilled"],
            addresses={
                name.removeprefix(prefix): network["IPAddress"]
                for name, network in described["NetworkSettings"]["Networks"].items()
                if network["IPAddress"]
            },
            volumes={
                mount["Name"].removeprefix(prefix): mount["Destination"]
                for mount in described["Mounts"]
                if mount["Type"] == "volume"
            },
        )

    def exec(self, container: Container, *command: str, stdin: str = "") -> str:
        return self.run("docker", "exec", "--interactive", container.id, *command, stdin=stdin)

    def probe(
        self, script: str, *arguments: str, stdin: str = "", options: Sequence[str] = ()
    ) -> Any:
        """Run a Python script in a container of its own; what it prints is JSON."""
        command = ("docker", "run", "--rm", "--interactive", "--user", "0:0", *options)
        python = ("--entrypoint", "python", self.image, "-c", script, *arguments)
        return json.loads(self.run(*command, *python, stdin=stdin))

    def kill(self, *containers: Container) -> None:
        """End their first processes suddenly, as the kernel does when memory is short. Not by
        `docker kill`, after which Docker takes a container for stopped by its operator."""
        script = "import os, sys\nfor pid in sys.argv[1:]: os.kill(int(pid), 9)\nprint('null')"
        pids = [str(one.pid) for one in containers]
        self.probe(script, *pids, options=["--pid", "host"])

    def url(self, service: str, port: int) -> str:
        """Of the only container of a service of the telemetry, none of whose ports is published."""
        (container,) = self.containers(service)
        return f"http://{container.addresses['telemetry']}:{port}"

    def pause(self, service: str) -> None:
        """All replicas, until `resume`."""
        self.compose("pause", service)

    def resume(self, service: str) -> None:
        self.compose("unpause", service)

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        reader = next(one for one in self.containers("consumer") if one.state == "running")
        question = json.dumps([query.replace("%", "%%").replace("?", "%s"), parameters])
        rows: list[dict[str, Any]] = json.loads(
            self.exec(reader, "python", "-c", READ_ROWS, stdin=question)
        )
        return rows

    def volume(self, name: str) -> str:
        return f"{self.name}_{name}"


def _docker_root() -> str:
    command = ["docker", "info", "--format", "{{.DockerRootDir}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _is_ours(variable: str) -> bool:
    """What the shell that started the tests says about another project."""
    return variable.startswith(("COMPOSE_", "ARLOJI_", "INGRESS_", "GUEST_ORDER", "COOKIE_"))

"""What the files say is what runs: each mounted file is changed over the running stack as git does
it, the documented update is followed, and the running program shows the new value."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.compose.project import ROOT, ComposeProject
from tests.telemetry_stores import MetricsStore, eventually

LONG = os.environ.get("LONG_TESTS") == "1"
# Of every mounted file or folder at least one: what it says, what it says now.
CHANGES = (
    ("ingress/conf/problem-texts.conf", r"No such page or route\.", "Not any more."),
    ("stores/mysql.cnf", r"max_connections = \d+", "max_connections = 57"),
    ("stores/queue-redis.conf", r"maxmemory \d+mb", "maxmemory 251mb"),
    ("stores/cache-redis.conf", r"maxmemory \d+mb", "maxmemory 41mb"),
    # It is asked by tests/compose/test_networks.py; here it has only to have been read again.
    ("observability/docker-proxy/nginx.conf", "error;", "crit;"),
    ("observability/scrape/compose.yaml", "job_name: node", "job_name: box"),
    ("observability/alerts/watching.yaml", "Alerts were evaluated", "Rules were evaluated"),
    ("observability/log-alerts/logs.yaml", "errors in five", "faults in five"),
    # Read anew for each page.
    ("docs/runbooks/watching.md", r"\Z", "Changed.\n"),
    (
        "observability/alertmanager/alertmanager.yaml",
        r"repeat_interval: \w+",
        "repeat_interval: 7h",
    ),
    ("observability/collector/config.yaml", ":13133", ":13134"),
    # The tests' own receiver.
    ("local/receiver/__init__.py", r"\Z", "# changed\n"),
)


def test_the_documented_update_brings_every_file_into_force(project: ComposeProject) -> None:
    services = json.loads(project.compose("config", "--format", "json"))["services"]
    mounted = {
        path.relative_to(project.root).as_posix()
        for service in services.values()
        for volume in service.get("volumes", [])
        if (path := Path(volume["source"])).is_relative_to(project.root)
        # Jobs of the host write it, and it is read anew for each scrape.
        and path.name != "textfile"
    }
    changed = [Path(name) for name, _, _ in CHANGES]
    assert [one for one in mounted if not any(name.is_relative_to(one) for name in changed)] == []
    for change in CHANGES:
        project.change(*change)

    for command in documented("A new version"):
        # Which test_upgrades.py has just tried; here one service of five is enough.
        if command == "make upgrade":
            if not LONG:
                continue
            command = "make upgrade OPTIONS=frontend"
        project.run("sh", "-c", command.replace("make ", f"make PYTHON={sys.executable} "))

    metrics = MetricsStore(project.url("victoria-metrics", 8428))

    def most_memory(server: str) -> float:
        found = metrics.query(f'redis_memory_max_bytes{{instance="{server}"}}')
        return float(found[0]["value"][1]) / 2**20 if found else 0

    def answer(service: str, port: int, path: str) -> str:
        try:
            return httpx.get(f"{project.url(service, port)}{path}").text
        except httpx.TransportError:
            return ""

    shows: dict[str, Callable[[], bool]] = {
        "nginx": lambda: "Not any more." in httpx.get(f"{project.shop_url}/healthz").text,
        "MySQL": lambda: project.rows("SELECT @@max_connections AS most") == [{"most": 57}],
        "the queue": lambda: most_memory("queue-redis") == 251,
        "the cache": lambda: most_memory("cache-redis") == 41,
        "VictoriaMetrics": lambda: bool(metrics.query('up{job="box"}')),
        "vmalert": lambda: "Rules were" in answer("vmalert", 8880, "/api/v1/rules"),
        "vmalert-logs": lambda: "faults in five" in answer("vmalert-logs", 8880, "/api/v1/rules"),
        "Alertmanager": lambda: (
            "repeat_interval: 7h" in answer("alertmanager", 9093, "/api/v2/status")
        ),
        "the collector": lambda: "available" in answer("otel-collector", 13134, "/"),
    }
    eventually(lambda: [name for name, new in shows.items() if not new()] == [], seconds=60)


def documented(heading: str) -> list[str]:
    """The commands below a heading of docs/operations.md, but for git's."""
    text = (ROOT / "docs/operations.md").read_text()
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = section.partition("```sh\n")[2].partition("```")[0]
    commands = [line for line in block.splitlines() if line]
    assert commands
    return [line for line in commands if not line.startswith("git ")]


def test_a_second_time_nothing_restarts(project: ComposeProject) -> None:
    before = {one.name: one.started_at for one in project.containers()}
    said = project.run(sys.executable, "-m", "operations.reload")
    assert "everything runs with the files of this folder" in said
    assert {one.name: one.started_at for one in project.containers()} == before

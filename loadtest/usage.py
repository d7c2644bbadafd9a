"""CPU and memory of each service while a step lasts: of the embedded run's processes, or of a
compose project's containers."""

import http.client
import json
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from loadtest.plan import PlanRefused

DOCKER_SOCKET = "/var/run/docker.sock"
_COMPOSE = "compose:"


@dataclass(frozen=True)
class Sample:
    cpu_seconds: float
    memory_bytes: int


# The services that run now; the replicas of one are added up.
Reader = Callable[[], dict[str, Sample]]


def reader_for(what: str) -> Reader | None:
    """`compose:<project>`, the data folder of an embedded run, or nothing."""
    if not what:
        return None
    if what.startswith(_COMPOSE):
        project = what.removeprefix(_COMPOSE)
        if not Path(DOCKER_SOCKET).is_socket():
            raise PlanRefused(f"There is no Docker at {DOCKER_SOCKET} to ask about {project}.")
        return lambda: read_containers(project)
    folder = Path(what) / "run"
    if not folder.is_dir():
        raise PlanRefused(f"{what} is not the data folder of an embedded run: it has no run/.")
    return lambda: read_processes(folder)


def read_processes(folder: Path) -> dict[str, Sample]:
    """By the pid files of `folder`; memory is the resident set."""
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = {}
    for path in sorted(folder.glob("*.pid")):
        try:
            process = Path("/proc") / path.read_text().strip()
            # After the name in brackets, which may contain anything: proc(5), fields 14 and 15.
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            resident = int((process / "statm").read_text().split()[1]) * page
        except (OSError, IndexError):  # ended, or being started again
            continue
        found[path.stem] = Sample((int(fields[11]) + int(fields[12])) / ticks, resident)
    return found


def read_containers(project: str) -> dict[str, Sample]:
    """By Docker's API; memory is the working set: usage less inactive file pages."""
    label = f"com.docker.compose.project={project}"
    filters = quote(json.dumps({"label": [label], "status": ["running"]}))
    containers = _ask_docker(f"/containers/json?filters={filters}") or []
    # Docker takes a second for each.
    with ThreadPoolExecutor(max_workers=len(containers) or 1) as pool:
        samples = list(pool.map(_read_container, [one["Id"] for one in containers]))
    found: dict[str, Sample] = {}
    for container, sample in zip(containers, samples, strict=True):
        name = container["Labels"]["com.docker.compose.service"]
        before = found.get(name, Sample(0.0, 0))
        found[name] = Sample(
            before.cpu_seconds + sample.cpu_seconds, before.memory_bytes + sample.memory_bytes
        )
    return found


def _read_container(container_id: str) -> Sample:
    stats = _ask_docker(f"/containers/{container_id}/stats?stream=false&one-shot=true") or {}
    memory = stats.get("memory_stats", {})
    if "usage" not in memory:  # ended meanwhile
        return Sample(0.0, 0)
    details = memory.get("stats", {})
    # By the names of both versions of control groups.
    inactive = details.get("total_inactive_file", details.get("inactive_file", 0))
    cpu_seconds = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
    return Sample(cpu_seconds, memory["usage"] - inactive)


def _ask_docker(path: str) -> Any:
    connection = http.client.HTTPConnection("docker", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(10)
    try:
        connection.sock.connect(DOCKER_SOCKET)
        connection.request("GET", path)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == http.client.OK else None
    finally:
        connection.close()


@dataclass
class _ServiceUsage:
    first: Sample
    last: Sample
    peak_bytes: int


@dataclass
class StepUsage:
    """Fed with samples while a step lasts."""

    _began: float = 0.0
    _ended: float = 0.0
    _services: dict[str, _ServiceUsage] = field(default_factory=dict)

    def add(self, moment: float, samples: dict[str, Sample]) -> None:
        self._began = self._began or moment
        self._ended = moment
        for name, sample in samples.items():
            found = self._services.setdefault(name, _ServiceUsage(sample, sample, 0))
            if sample.cpu_seconds < found.last.cpu_seconds:  # started again
                found.first = sample
            found.last = sample
            found.peak_bytes = max(found.peak_bytes, sample.memory_bytes)

    def to_dict(self) -> dict[str, dict[str, float]]:
        """Cores used on average and the highest memory, per service."""
        seconds = self._ended - self._began
        if seconds <= 0:
            return {}
        return {
            name: {
                "cores": round((one.last.cpu_seconds - one.first.cpu_seconds) / seconds, 3),
                "peak_bytes": one.peak_bytes,
            }
            for name, one in sorted(self._services.items())
        }

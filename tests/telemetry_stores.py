"""Two of the telemetry stores as processes of one test, with the very flags of the compose stack;
only folders and addresses differ. Built from Go, or the test is skipped."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml

from local.free_port import free_port
from tests import waiting
from tests.processes import Process, answers
from tests.promql import OBSERVABILITY
from tools.go_programs.build import find_built

PATIENCE_SECONDS = 60
T = TypeVar("T")


def go_server(name: str) -> Path:
    """The program as it was built for the stand-in images."""
    found = find_built(name)
    if found is None:
        pytest.skip(f"{name} is not built (python -m tools.offline_images --servers builds it)")
    return found


def eventually(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """The first result that is true; a store that is asked too often has no time to take in."""
    found: T = waiting.eventually(look, seconds=seconds, pause_seconds=0.2)
    return found


def compose_flags(service: str, without: Iterable[str]) -> list[str]:
    """What compose starts it with, less the flags that name a place there."""
    services = yaml.safe_load((OBSERVABILITY / "compose.yaml").read_text())["services"]
    left_out = tuple(f"-{name}=" for name in without)
    return [flag for flag in services[service]["command"] if not flag.startswith(left_out)]


def ask(url: str, method: str = "GET", params: Mapping[str, str] | None = None) -> httpx.Response:
    # Plain http: loading certificates would take longer than the answer.
    answer = httpx.request(method, url, params=params, timeout=30, verify=False)
    assert answer.is_success, answer.text
    return answer


class MetricsStore:
    """A VictoriaMetrics at this address, asked for what it has now, the newest included."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, query: str, at: float | None = None) -> list[dict[str, Any]]:
        """`{"metric": labels, "value": [time, text]}` for each series, now or at another time."""
        # The end of the range is otherwise 30 s ago.
        moment = {} if at is None else {"time": str(at)}
        data = self._ask("query", {"query": query, "latency_offset": "1ms", **moment})
        return list(data["result"])

    def query_range(self, query: str, seconds: int, step: str = "15s") -> list[dict[str, Any]]:
        """As a panel asks, back from now: `{"metric": labels, "values": [[time, text], …]}`."""
        now = time.time()
        times = {"start": str(now - seconds), "end": str(now), "step": step}
        parameters = {"query": query, "latency_offset": "1ms", **times}
        return list(self._ask("query_range", parameters)["result"])

    def labels(self, selector: str) -> list[dict[str, str]]:
        """Of each series that matches, its name included."""
        found: list[dict[str, str]] = self._ask("series", {"match[]": selector})
        return found

    def names(self) -> set[str]:
        return set(self._ask("label/__name__/values", {}))

    def _ask(self, what: str, parameters: Mapping[str, str]) -> Any:
        ask(f"{self.url}/internal/force_flush", "POST")
        return ask(f"{self.url}/api/v1/{what}", params=parameters).json()["data"]


class LogsStore:
    """A VictoriaLogs at this address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, query: str) -> list[dict[str, str]]:
        """Every field of each matching line, oldest first."""
        answer = self._ask("query", {"query": query})
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return sorted(lines, key=lambda line: str(line.get("_time")).rstrip("Z"))

    def query_range(self, query: str, seconds: int, step: str = "15s") -> list[dict[str, Any]]:
        """Of a query with `stats`, as a panel asks."""
        return self._stats("stats_query_range", query, seconds, {"step": step})

    def query_stats(self, query: str, seconds: int) -> list[dict[str, Any]]:
        """One figure of each, as a panel of bars asks."""
        return self._stats("stats_query", query, seconds, {})

    def _stats(
        self, what: str, query: str, seconds: int, more: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        now = time.time()
        times = {"start": str(now - seconds), "end": str(now), **more}
        found: list[dict[str, Any]] = self._ask(what, {"query": query, **times}).json()["data"][
            "result"
        ]
        return found

    def _ask(self, what: str, parameters: Mapping[str, str]) -> httpx.Response:
        ask(f"{self.url}/internal/force_flush")
        return ask(f"{self.url}/select/logsql/{what}", params=parameters)


class VictoriaMetrics(Process, MetricsStore):
    def __init__(self, folder: Path) -> None:
        MetricsStore.__init__(self, f"http://127.0.0.1:{(port := free_port())}")
        flags = compose_flags(
            "victoria-metrics",
            without=("storageDataPath", "promscrape.config", "vmalert.proxyURL"),
        )
        command = [str(go_server("victoria-metrics")), *flags, f"-httpListenAddr=127.0.0.1:{port}"]
        command.append(f"-storageDataPath={folder / 'metrics'}")
        log = folder / "victoria-metrics.log"
        Process.__init__(self, command, log, lambda: answers(f"{self.url}/ready"))


class VictoriaLogs(Process, LogsStore):
    def __init__(self, folder: Path) -> None:
        LogsStore.__init__(self, f"http://127.0.0.1:{(port := free_port())}")
        flags = compose_flags("victoria-logs", without=("storageDataPath",))
        command = [str(go_server("victoria-logs")), *flags, f"-httpListenAddr=127.0.0.1:{port}"]
        command.append(f"-storageDataPath={folder / 'logs'}")
        log = folder / "victoria-logs.log"
        Process.__init__(self, command, log, lambda: answers(f"{self.url}/health"))

"""The collector's configurations agree: a line of a server is parsed alike from compose's files and
from pods, and what is under way is bounded alike."""

from typing import Any

import pytest
import yaml

from contracts.services import SERVICES
from tests.promql import OBSERVABILITY

Operators = list[dict[str, Any]]


def configuration(name: str) -> dict[str, Any]:
    text = (OBSERVABILITY / "collector" / f"{name}.yaml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def operators(name: str, receiver: str) -> Operators:
    """Without what only leads from one to the next."""
    found = configuration(name)["receivers"][f"file_log/{receiver}"]["operators"]
    return [{k: v for k, v in one.items() if k not in {"id", "output"}} for one in found]


@pytest.mark.parametrize(
    ("of_files", "of_pods"),
    [
        ("nginx-access", "nginx"),
        ("nginx-error", "nginx"),
        ("mysql-error", "mysql"),
        ("mysql-slow", "mysql"),
        ("queue-redis", "redis"),
        ("cache-redis", "redis"),
    ],
)
def test_a_line_of_a_pod_is_parsed_as_that_of_a_file(of_files: str, of_pods: str) -> None:
    wanted, found = operators("compose", of_files), operators("agent", of_pods)
    starts = range(len(found) - len(wanted) + 1)
    assert any(found[at : at + len(wanted)] == wanted for at in starts)


def test_an_entry_of_a_pod_begins_where_that_of_a_file_does() -> None:
    receivers = configuration("compose")["receivers"]
    for of_files, of_pods in (
        ("mysql-error", "mysql"),
        ("mysql-slow", "mysql"),
        ("queue-redis", "redis"),
    ):
        start = receivers[f"file_log/{of_files}"]["multiline"]["line_start_pattern"]
        (joined,) = [one for one in operators("agent", of_pods) if one["type"] == "recombine"]
        # In an expression a backslash is written twice.
        alternatives = start.removeprefix("^").strip("()").split("|")
        for one in alternatives:
            assert one.replace("\\", "\\\\") in joined["is_first_entry"], of_files


def test_logs_that_services_send_are_not_read_a_second_time() -> None:
    excluded = " ".join(configuration("agent")["receivers"]["file_log/others"]["exclude"])
    for service in SERVICES:
        assert service.name in excluded
    read = [
        pattern
        for receiver in configuration("agent")["receivers"].values()
        if "exclude" not in receiver
        for pattern in receiver["include"]
    ]
    assert not any(service.name in pattern for service in SERVICES for pattern in read)


def test_everything_that_is_read_or_kept_survives_the_collector() -> None:
    for name in ("compose", "agent"):
        receivers = configuration(name)["receivers"]
        for receiver in (receivers[kind] for kind in receivers if kind.startswith("file_log/")):
            assert receiver["storage"] == "file_storage"
            assert receiver["retry_on_failure"] == {"enabled": True, "max_elapsed_time": "0s"}
    for name in ("config", "agent"):
        for exporter in configuration(name)["exporters"].values():
            queue = exporter["sending_queue"]
            assert (queue["storage"], queue["sizer"]) == ("file_storage", "bytes")
            assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
    shared, agent = (configuration(name)["extensions"] for name in ("config", "agent"))
    assert shared == agent


Pipelines = dict[str, dict[str, list[str]]]


def pipelines_of(name: str) -> Pipelines:
    found: Pipelines = configuration(name)["service"]["pipelines"]
    return found


def test_lines_of_servers_are_masked_wherever_they_come_in() -> None:
    """In compose by their own pipeline, in Kubernetes by that of everything the gateway is sent."""
    masked = ["transform/servers", "transform/cards", "redaction"]
    assert pipelines_of("compose")["logs/servers"]["processors"][1:] == masked
    assert pipelines_of("kubernetes")["logs"]["processors"][1:] == masked
    # The agent sends to nobody else.
    (exporter,) = configuration("agent")["exporters"].values()
    assert exporter["endpoint"] == "http://otel-collector.arloji:4318"


@pytest.mark.parametrize("name", ["compose", "kubernetes", "agent"])
def test_memory_is_limited_before_anything_else(name: str) -> None:
    for pipeline in pipelines_of(name).values():
        # What a connector hands on was let in already; refused, it would be counted twice.
        made_here = all(one.startswith("signal_to_metrics/") for one in pipeline["receivers"])
        assert (pipeline["processors"][0] == "memory_limiter") is not made_here


def test_what_services_send_goes_the_same_way_in_compose_and_in_kubernetes() -> None:
    compose, kubernetes = pipelines_of("compose"), pipelines_of("kubernetes")
    for name in ("traces", "traces/measured", "metrics"):
        assert compose[name] == kubernetes[name]
    # Counted before some traces are left out.
    assert "tail_sampling" in compose["traces"]["processors"]
    assert "tail_sampling" not in compose["traces/measured"]["processors"]

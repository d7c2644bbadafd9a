"""How a service starts, stops and fails to start, shown by a real process."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ModuleProcess
from tests.sample_process import Answer, SampleProcess, sample_process
from tests.waiting import eventually

LONG = 600
# So that nothing is sent but by the flush at the end.
NEVER_BY_ITSELF = dict.fromkeys(
    ("otel_bsp_schedule_delay", "otel_blrp_schedule_delay", "otel_metric_export_interval"),
    3_600_000,
)


class Receiver(ModuleProcess):
    """Takes telemetry by OTLP and tells what it has got."""

    @property
    def settings(self) -> dict[str, object]:
        return {"otel_exporter_otlp_endpoint": self.url, **NEVER_BY_ITSELF}

    def read(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/{path}", timeout=30) as answer:
            return json.load(answer)

    def trace_of(self, answer: Answer) -> str:
        """Fails if it has none."""
        return json.dumps(self.read(f"traces/{answer.headers['traceresponse'].split('-')[1]}"))


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with Receiver(tmp_path_factory.mktemp("receiver"), "local.receiver") as process:
        yield process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_under_way_and_flushes_telemetry_last(
    tmp_path: Path, receiver: Receiver, number: signal.Signals
) -> None:
    with sample_process(tmp_path, **receiver.settings) as sample, sample.connect() as client:
        client.get("/sleep?seconds=1")
        sample.until_logged("asleep")
        sample.send(number)
        answer = client.read()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_closed()
        assert sample.exit_code() == 0
    assert sample.messages == ["started", "asleep", "closed", "stopped"]
    assert (sample.logged[-1]["finished"], sample.logged[-1]["cut"]) == (1, 0)
    assert sample.errors == ""
    assert "GET /sleep" in receiver.trace_of(answer)
    assert "stopped" in [line["body"] for line in receiver.read("logs")["logs"]]


def test_a_signal_that_its_starter_ignores_does_not_stop_it(tmp_path: Path) -> None:
    with sample_process(tmp_path, signal.SIGINT) as sample:
        sample.send(signal.SIGINT)
        assert sample.ask("/readyz").status == 200
        # Nor is what is there after the start looked at by the garbage collector again.
        echo = sample.ask("/echo").json
        assert echo["frozen_objects"] > 10_000
        assert echo["collects"]
        assert sample.stop() == 0


def test_while_draining_it_is_not_ready_but_answers_until_hurried(tmp_path: Path) -> None:
    with sample_process(tmp_path, drain_seconds=LONG) as sample, sample.connect() as old:
        assert "connection" not in old.ask("/readyz").headers
        sample.send(signal.SIGTERM)
        eventually(lambda: sample.ask("/readyz").json["status"], lambda said: said == "draining")
        assert sample.ask("/readyz").status == 503
        assert sample.ask("/healthz").status == 200
        for answer in (old.ask("/echo"), sample.ask("/echo")):
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        with sample.connect() as client:
            client.get("/sleep?seconds=1")
            sample.until_logged("asleep")
            sample.send(signal.SIGTERM)
            sample.send(signal.SIGINT)
            assert client.read().status == 200
        assert sample.exit_code() == 0


def test_connections_without_a_request_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    settings = {"header_timeout_seconds": LONG, "shutdown_seconds": LONG}
    settings["lingering_close_seconds"] = 1
    with (
        sample_process(tmp_path, **settings) as sample,
        sample.connect(),
        sample.connect() as idle,
        sample.connect() as half,
        sample.connect() as early,
    ):
        assert idle.ask("/echo").status == 200
        half.send(b"GET /echo HTTP/1.1\r\nHos")
        early.send(b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n")
        assert early.read().status == 200
        assert sample.stop() == 0


def test_a_request_that_comes_at_the_last_moment_is_answered(tmp_path: Path) -> None:
    with (
        sample_process(tmp_path, drain_seconds=0.2) as sample,
        sample.connect() as blocking,
        sample.connect() as idle,
    ):
        assert idle.ask("/echo").status == 200
        blocking.get("/block?seconds=1.5")
        sample.until_logged("asleep")
        sample.send(signal.SIGTERM)
        # When the loop turns again the draining is over, and all of these wait in the kernel.
        idle.get("/echo")
        with sample.connect() as late, sample.connect() as later:
            late.get("/echo")
            later.get("/echo")
            for client in (blocking, idle, late, later):
                answer = client.read()
                assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert sample.exit_code() == 0


def test_after_the_draining_no_connection_is_taken(tmp_path: Path) -> None:
    settings = {"shutdown_seconds": LONG, "log_level": "DEBUG"}
    with sample_process(tmp_path, **settings) as sample, sample.connect() as client:
        client.get(f"/sleep?seconds={LONG}")
        sample.until_logged("about to sleep")
        sample.send(signal.SIGTERM)

        def is_taken() -> bool:
            try:
                sample.connect().__exit__()
            except ConnectionError:
                return False
            return True

        eventually(is_taken, lambda taken: not taken)
        assert sample.is_running


@pytest.mark.parametrize(
    ("shutdown_seconds", "closing_seconds", "messages"),
    [
        # Until its time is over, and at least for as long as closing always may take.
        (LONG, 1, ["closed", "stopped"]),
        (0, LONG, ["closed", "resources are not closed within 0 s", "stopped"]),
    ],
)
def test_resources_have_what_is_left_of_the_time_to_close(
    tmp_path: Path, shutdown_seconds: float, closing_seconds: float, messages: list[str]
) -> None:
    times = {"shutdown_seconds": shutdown_seconds, "closing_seconds": closing_seconds}
    with sample_process(tmp_path, close_seconds=0.2, **times) as sample:
        assert sample.ask("/echo").status == 200
        assert sample.stop() == 0
    assert sample.messages[1:] == messages
    assert (sample.logged[-1]["answered"], sample.logged[-1]["finished"]) == (1, 0)


def test_a_request_that_takes_too_long_is_cut_and_may_be_repeated(tmp_path: Path) -> None:
    with sample_process(tmp_path, shutdown_seconds=0.5) as sample, sample.connect() as client:
        client.get(f"/sleep?seconds={LONG}")
        sample.until_logged("asleep")
        sample.send(signal.SIGTERM)
        answer = client.read()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["connection"] == "close"
        assert answer.headers["content-type"] == "application/problem+json"
        assert sample.exit_code() == 0
    assert sample.logged[-1]["cut"] == 1


@pytest.mark.parametrize(
    ("path", "exit_code", "messages"),
    [
        ("/refuse-to-end", 0, ["closed", "stopped"]),
        ("/block", 1, ["asleep", "stopped by force: a handler blocks the event loop"]),
    ],
)
def test_a_handler_that_does_not_end_cannot_keep_telemetry_from_being_flushed(
    tmp_path: Path, receiver: Receiver, path: str, exit_code: int, messages: list[str]
) -> None:
    short = {"shutdown_seconds": 0.2, "close_seconds": 0.2}
    settings = short | receiver.settings
    with sample_process(tmp_path, **settings) as sample, sample.connect() as client:
        answer = sample.ask("/echo")
        client.get(path)
        sample.until_logged("asleep")
        assert sample.stop() == exit_code
    assert sample.messages[-2:] == messages
    assert receiver.trace_of(answer)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    sample = SampleProcess(tmp_path)
    with socket.create_server(("127.0.0.1", sample.port)):
        assert sample.run() == 1
    (message,) = sample.messages
    assert f"not started: cannot listen on 127.0.0.1, port {sample.port}" in message
    assert "address already in use" in message
    assert sample.errors == ""


@pytest.mark.parametrize(("where", "why"), [("create", "created"), ("open", "opened")])
def test_a_service_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, where: str, why: str
) -> None:
    sample = SampleProcess(tmp_path, fail_at=where)
    assert sample.run() == 1
    assert sample.messages == [f"not started: RuntimeError: cannot be {why}"]
    assert "RuntimeError" in sample.logged[0]["exception"]
    assert sample.errors == ""

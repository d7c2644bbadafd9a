"""How a service starts, stops and fails to start, told by a real process."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ModuleProcess
from tests.sample_process import SampleProcess, sample_process
from tests.waiting import eventually

LONG = 600


@pytest.fixture(scope="module")
def receiver_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Takes telemetry by OTLP and tells what it has got."""
    with ModuleProcess(tmp_path_factory.mktemp("receiver"), "local.receiver") as receiver:
        yield receiver.url


def _fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def trace_id_of(headers: dict[str, str]) -> str:
    return headers["traceresponse"].split("-")[1]


# So that nothing is sent but by the flush at the end.
NEVER_BY_ITSELF = {
    "otel_bsp_schedule_delay": 3_600_000,
    "otel_blrp_schedule_delay": 3_600_000,
    "otel_metric_export_interval": 3_600_000,
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_the_request_under_way_and_flushes_telemetry_last(
    tmp_path: Path, receiver_url: str, number: signal.Signals
) -> None:
    telemetry = {"otel_exporter_otlp_endpoint": receiver_url, **NEVER_BY_ITSELF}
    with sample_process(tmp_path, **telemetry) as sample, sample.connect() as client:
        client.get("/sleep?seconds=1")
        sample.until_logged("asleep")
        sample.send(number)
        answer = client.read()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert client.is_closed()
        assert sample.exit_code() == 0
    assert [line["message"] for line in sample.log] == ["started", "asleep", "closed", "stopped"]
    assert (sample.log[-1]["finished"], sample.log[-1]["cut"]) == (1, 0)
    assert sample.errors == ""
    trace = _fetch(f"{receiver_url}/api/traces/{trace_id_of(answer.headers)}")
    assert "GET /sleep" in json.dumps(trace)
    assert "stopped" in [line["body"] for line in _fetch(f"{receiver_url}/api/logs")["logs"]]


def test_a_signal_that_its_starter_ignores_does_not_stop_it(tmp_path: Path) -> None:
    with sample_process(tmp_path, signal.SIGINT) as sample:
        sample.send(signal.SIGINT)
        assert sample.ask("/readyz").status == 200
        sample.send(signal.SIGTERM)
        assert sample.exit_code() == 0


def test_what_is_there_after_the_start_is_not_collected_again(tmp_path: Path) -> None:
    with sample_process(tmp_path) as sample:
        assert sample.ask("/echo").json["frozen_objects"] > 10_000


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


def test_connections_that_ask_nothing_do_not_hold_up_the_stop(tmp_path: Path) -> None:
    patient = {"header_timeout_seconds": LONG, "shutdown_seconds": LONG}
    with (
        sample_process(tmp_path, **patient) as sample,
        sample.connect(),
        sample.connect() as idle,
        sample.connect() as half,
        sample.connect() as early,
    ):
        assert idle.ask("/echo").status == 200
        half.send(b"GET /echo HTTP/1.1\r\nHos")
        early.send(b"POST /ignore-body HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\n")
        assert early.read().status == 200
        sample.send(signal.SIGTERM)
        assert sample.exit_code() == 0


def test_after_the_draining_nobody_new_is_let_in(tmp_path: Path) -> None:
    settings = {"shutdown_seconds": LONG, "log_level": "DEBUG"}
    with sample_process(tmp_path, **settings) as sample, sample.connect() as client:
        client.get(f"/sleep?seconds={LONG}")
        sample.until_logged("about to sleep")
        sample.send(signal.SIGTERM)

        def let_in() -> bool:
            try:
                sample.connect().__exit__()
            except ConnectionError:
                return False
            return True

        eventually(let_in, lambda let_in: not let_in)
        assert sample.is_running


@pytest.mark.parametrize(
    ("shutdown_seconds", "closing_seconds", "said"),
    [
        # Until its time is over, and at least for as long as closing always may take.
        (LONG, 1, ["closed", "stopped"]),
        (0, LONG, ["closed", "resources are not closed within 0 s", "stopped"]),
    ],
)
def test_resources_have_what_is_left_of_the_time_to_close(
    tmp_path: Path, shutdown_seconds: float, closing_seconds: float, said: list[str]
) -> None:
    times = {"shutdown_seconds": shutdown_seconds, "closing_seconds": closing_seconds}
    with sample_process(tmp_path, close_seconds=0.2, **times) as sample:
        assert sample.ask("/echo").status == 200
        sample.send(signal.SIGTERM)
        assert sample.exit_code() == 0
    assert [line["message"] for line in sample.log][1:] == said
    assert (sample.log[-1]["answered"], sample.log[-1]["finished"]) == (1, 0)


def test_a_request_that_takes_too_long_is_cut_and_may_be_repeated(tmp_path: Path) -> None:
    with sample_process(tmp_path, shutdown_seconds=0.5) as sample, sample.connect() as client:
        client.get(f"/sleep?seconds={LONG}")
        sample.until_logged("asleep")
        sample.send(signal.SIGTERM)
        answer = client.read()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        assert sample.exit_code() == 0
    assert sample.log[-1]["cut"] == 1


def test_a_handler_that_refuses_to_end_cannot_keep_telemetry_from_being_flushed(
    tmp_path: Path, receiver_url: str
) -> None:
    telemetry = {"otel_exporter_otlp_endpoint": receiver_url, **NEVER_BY_ITSELF}
    short = {"shutdown_seconds": 0.2, "close_seconds": 0.2}
    with sample_process(tmp_path, **short, **telemetry) as sample, sample.connect() as client:
        answer = sample.ask("/echo")
        client.get("/refuse-to-end")
        sample.until_logged("asleep")
        sample.send(signal.SIGTERM)
        assert sample.exit_code() == 0
    assert [line["message"] for line in sample.log][-2:] == ["closed", "stopped"]
    assert _fetch(f"{receiver_url}/api/traces/{trace_id_of(answer.headers)}")


def test_a_blocked_event_loop_ends_by_force_with_telemetry_flushed(
    tmp_path: Path, receiver_url: str
) -> None:
    telemetry = {"otel_exporter_otlp_endpoint": receiver_url, **NEVER_BY_ITSELF}
    short = {"shutdown_seconds": 0.2, "close_seconds": 0.2}
    with sample_process(tmp_path, **short, **telemetry) as sample, sample.connect() as client:
        answer = sample.ask("/echo")
        client.get("/block")
        sample.until_logged("asleep")
        sample.send(signal.SIGTERM)
        assert sample.exit_code() == 1
    assert sample.log[-1]["message"] == "stopped by force: a handler blocks the event loop"
    assert _fetch(f"{receiver_url}/api/traces/{trace_id_of(answer.headers)}")


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    sample = SampleProcess(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", sample.port))
        other.listen()
        sample.start()
        assert sample.exit_code() == 1
    assert len(sample.log) == 1
    assert (
        f"not started: cannot listen on 127.0.0.1, port {sample.port}" in sample.log[0]["message"]
    )
    assert "address already in use" in sample.log[0]["message"]
    assert sample.errors == ""


@pytest.mark.parametrize(("where", "why"), [("create", "created"), ("open", "opened")])
def test_a_service_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, where: str, why: str
) -> None:
    sample = SampleProcess(tmp_path, fail_at=where)
    sample.start()
    assert sample.exit_code() == 1
    assert [line["message"] for line in sample.log] == [
        f"not started: RuntimeError: cannot be {why}"
    ]
    assert "RuntimeError" in sample.log[0]["exception"]
    assert sample.errors == ""


def test_each_wrong_setting_is_named_in_a_line_without_its_value(tmp_path: Path) -> None:
    sample = SampleProcess(tmp_path, port="many", drain_seconds=-1, secret="hush", log_level="LOUD")
    sample.start()
    assert sample.exit_code() == 2
    assert sorted(line.split(": ")[:2] for line in sample.errors.splitlines()) == [
        ["sample", "DRAIN_SECONDS"],
        ["sample", "LOG_LEVEL"],
        ["sample", "PORT"],
        ["sample", "SECRET"],
    ]
    assert "hush" not in sample.errors
    assert sample.log == []


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    sample = SampleProcess(tmp_path, secret_file=tmp_path / "absent")
    sample.start()
    assert sample.exit_code() == 2
    assert sample.errors.startswith("sample: SECRET_FILE: cannot read")
    assert len(sample.errors.splitlines()) == 1

"""The receiver as its own process, fed by the exporters of the real SDK."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode, format_trace_id

from tests.otlp import PROTOBUF, export_of, log, span
from tests.processes import CLEAN, ROOT, ModuleProcess, receiver_process

RESOURCE = Resource({"service.name": "sdk", "service.instance.id": "one"})


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    with receiver_process(tmp_path_factory.mktemp("receiver")) as process:
        yield process


@pytest.fixture
def url(receiver: ModuleProcess) -> str:
    """Of the receiver, emptied."""
    assert httpx.delete(f"{receiver.url}/api/telemetry").status_code == 204
    return receiver.url


@pytest.mark.parametrize("compression", Compression)
def test_spans_of_the_sdk_arrive_whole(url: str, compression: Compression) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", compression=compression)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("arloji", "1.2")
    attributes: Any = {"text": "jam 🕰", "list": [1, 2], "yes": True}
    with tracer.start_as_current_span("work", kind=SpanKind.SERVER, attributes=attributes) as span:
        span.set_status(StatusCode.ERROR, "broken")
    provider.shutdown()
    found = format_trace_id(span.get_span_context().trace_id)
    (entry,) = httpx.get(f"{url}/api/traces/{found}").json()["resourceSpans"]
    (group,) = entry["scopeSpans"]
    assert group["scope"] == {"name": "arloji", "version": "1.2"}
    (sent,) = group["spans"]
    assert (sent["name"], sent["kind"]) == ("work", 2)
    assert sent["status"] == {"message": "broken", "code": 2}
    values = {pair["key"]: pair["value"] for pair in sent["attributes"]}
    assert values["text"] == {"stringValue": "jam 🕰"}
    assert values["list"] == {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "2"}]}}
    assert "[1, 2]" in httpx.get(f"{url}/traces/{found}").text


def test_a_body_that_is_too_large_still_gets_its_answer(url: str) -> None:
    """On a real socket a server that stops reading can lose its own answer."""
    answer = httpx.post(f"{url}/v1/traces", content=bytes(6_000_000), headers=PROTOBUF, timeout=30)
    assert answer.status_code == 413


def test_memory_stays_bounded_under_a_flood(receiver: ModuleProcess, url: str) -> None:
    """More than twice what the store holds; the process grows by twice its bounds at most."""
    before = resident_bytes(receiver.pid)
    text = "x" * 20_000
    with httpx.Client(base_url=url, headers=PROTOBUF, timeout=60) as client:
        for batch in range(100):
            spans = [
                span(1 + batch * 8 + number // 10, 1 + number % 10, attributes={"text": text})
                for number in range(80)
            ]
            for records in (spans, [log(text) for _ in range(80)]):
                path, body = export_of("flood", *records)
                assert client.post(path, content=body).is_success
        held = client.get("/api/telemetry").json()
    assert held["dropped_traces"] > 0
    assert held["dropped_logs"] > 0
    assert held["traces"] + held["dropped_traces"] == 800
    assert resident_bytes(receiver.pid) - before < 2 * 80 * 2**20


def resident_bytes(pid: int) -> int:
    path = f"/proc/{pid}/statm"
    if not os.path.exists(path):
        pytest.skip("no /proc on this system")
    with open(path) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_exit_code_0_even_with_a_client_connected(
    tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    folder, options = tmp_path_factory.mktemp("ending"), ["--allowed-host", "Telemetry"]
    with (
        ModuleProcess(folder, "local.receiver", options=options) as process,
        httpx.Client(base_url=process.url) as client,
    ):
        for host, status in (("telemetry:4318", 200), ("localhost", 200), ("other", 421)):
            assert client.get("/", headers={"host": host}).status_code == status
        assert process.stop(number) == 0
        assert process.log.read_text() == ""


def test_a_port_in_use_is_said_in_one_line(receiver: ModuleProcess) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.receiver", "--port", str(receiver.port)],
        cwd=ROOT,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "address already in use" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1

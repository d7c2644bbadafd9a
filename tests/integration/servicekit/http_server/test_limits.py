"""What clients may hold of a process, and for how long, on real connections."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sample_process import Client, SampleProcess, sample_process
from tests.waiting import eventually

BOUND = 20
HALF_HEAD = b"GET /echo HTTP/1.1\r\nHost: te"
ASK = b"GET /echo HTTP/1.1\r\nHost: test\r\n\r\n"
SLEEP = b"GET /sleep?seconds=3 HTTP/1.1\r\nHost: test\r\n\r\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleProcess]:
    folder = tmp_path_factory.mktemp("small")
    with sample_process(folder, max_connections=BOUND, write_timeout_seconds=1) as process:
        yield process


def memory_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def test_heads_that_do_not_end_keep_nobody_out(small: SampleProcess) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(small.connect()) for _ in range(BOUND)]
        for client in held:
            client.send(HALF_HEAD)
        eventually(lambda: _is_served(small), pause_seconds=0.2, seconds=5)
        assert sum(client.is_closed() for client in held[:1]) == 1
    small.until_logged("too many connections: some are closed")


def _is_served(process: SampleProcess) -> bool:
    """For a moment after they came the others might still have been about to ask."""
    with process.connect() as client:
        client.send(ASK)
        return client.read().status == 200


def test_where_all_are_busy_a_newcomer_is_told_to_come_back(small: SampleProcess) -> None:
    with ExitStack() as stack:
        for _ in range(BOUND):
            stack.enter_context(small.connect()).send(SLEEP)
        with small.connect() as client:
            (answer,) = client.read_all()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert answer.json["type"] == "urn:arloji:problem:service-unavailable"
        # Of a flood few are told, and none stays.
        flood = [stack.enter_context(small.connect()) for _ in range(BOUND)]
        told = [_is_told(client) for client in flood]
    assert 1 <= sum(told) <= BOUND * 0.1 + 2
    assert not all(told)
    eventually(lambda: _is_served(small), pause_seconds=0.2)


def _is_told(client: Client) -> bool:
    try:
        return bool(client.read_all())
    except ConnectionResetError:
        return False


def test_a_client_that_takes_nothing_is_cut_off_and_pins_no_memory(small: SampleProcess) -> None:
    body = b"\x01" * 60_000  # comes back six times as long
    ask = b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    before = memory_bytes(small.pid)
    with ExitStack() as stack:
        clients = []
        for _ in range(BOUND - 5):
            raw = stack.enter_context(socket.socket())
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.connect(("127.0.0.1", small.port))
            raw.setblocking(False)
            clients.append(raw)
        cut: set[socket.socket] = set()

        def all_are_cut() -> bool:
            """Each asks as much as it can, and reads none of it."""
            for raw in set(clients) - cut:
                try:
                    while raw.send(ask):
                        pass
                except BlockingIOError:
                    pass
                except OSError:
                    cut.add(raw)
            return len(cut) == len(clients)

        eventually(all_are_cut, seconds=15)
        held = memory_bytes(small.pid) - before
    assert held < 40_000_000, held
    assert _is_served(small)
    # Those that waited behind another have not written to whom has gone.
    assert [line["message"] for line in small.logged if line["level"] == "ERROR"] == []

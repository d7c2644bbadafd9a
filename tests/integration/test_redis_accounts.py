"""The two Redis under the accounts that the stack gives them."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from bootstrap.credentials import READERS, create_master
from tests.servers import RedisServer, running

pytestmark = pytest.mark.integration

# Server → user → (keys, commands), as the contract's §5 has them.
CONTRACT: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "queue": {
        "publisher": (
            "orders idem:* pending:*",
            "xadd xlen xrange set get hset multi exec discard info",
        ),
        "consumer": (
            "orders orders:dead pending:*",
            "xreadgroup xautoclaim xclaim xpending xack xdel xadd xlen xrange hset hdel"
            " xgroup|create xgroup|delconsumer xinfo multi exec discard info",
        ),
        "service-http": ("pending:*", "hget hgetall"),
        "housekeeping": (
            "idem:* orders orders:dead pending:*",
            "scan unlink xlen xrange xinfo info replconf sync",
        ),
        "exporter": ("orders orders:dead", "xlen xinfo info slowlog|get latency|latest"),
        "scaler": ("orders orders:dead", "xlen"),
    },
    "cache": {
        "service-http": ("c:*", "get mget set unlink"),
        "consumer": ("c:*", "get mget set unlink"),
        "exporter": ("", "info slowlog|get latency|latest"),
    },
}
# Connection set-up and ping, and what lets a test ask: an account of its own.
SET_UP = ("ping", "hello", "auth", "select", "client|setname")
AUDITOR = "user auditor on >secret +acl +ping"


class Guarded(RedisServer):
    """With an account per user; `passwords` are theirs."""

    def __init__(self, folder: Path, name: str) -> None:
        master = create_master()
        (reader,) = [reader for reader in READERS if reader.name == f"{name}-redis"]
        accounts = folder / f"{name}.acl"
        accounts.write_text(f"{reader.files['users.acl'](master)}{AUDITOR}\n")
        self.passwords = {user: secrets[0] for user, secrets in master[name].items()}
        options = ["--aclfile", str(accounts), "--appenddirname", name]
        super().__init__(folder, durable=True, options=options)

    def connect(self, user: str, password: str) -> redis.Redis:
        return redis.Redis(port=self.port, username=user, password=password, protocol=2)

    def _answers(self) -> bool:
        """Nobody without a name is answered: the refusal is the sign of life."""
        try:
            with redis.Redis(port=self.port, socket_timeout=1) as client:
                client.ping()
        except redis.AuthenticationError:
            return True
        except redis.RedisError:
            return False
        raise AssertionError("a stranger was answered")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Guarded]]:
    folder = tmp_path_factory.mktemp("accounts")
    found = {name: Guarded(folder, name) for name in CONTRACT}
    with ExitStack() as stack:
        for server in found.values():
            stack.enter_context(running(server))
        yield found


@pytest.mark.parametrize("name", CONTRACT)
def test_each_redis_user_may_do_what_the_contract_says_and_no_more(
    servers: Mapping[str, Guarded], name: str
) -> None:
    """By the server's own account of it, beside that of a user with what the contract says."""
    with servers[name].connect("auditor", "secret") as client:
        execute: Any = client.execute_command
        users = set(execute("ACL", "USERS"))
        assert {user.decode() for user in users} - {"default", "auditor"} == CONTRACT[name].keys()
        for user, (keys, commands) in CONTRACT[name].items():
            granted = [f"+{one}" for one in (*commands.split(), *SET_UP)]
            patterns = [f"~{key}" for key in keys.split()]
            execute("ACL", "SETUSER", "reference", "reset", "on", "-@all", *granted, *patterns)
            found, wanted = rights_of(client, user), rights_of(client, "reference")
            assert found == wanted, user
        execute("ACL", "DELUSER", "reference")


def rights_of(client: redis.Redis, user: str) -> dict[str, Any]:
    described: Any = client.acl_getuser(user)
    # Of RESTORE, which nobody may use.
    described["flags"] = [flag for flag in described["flags"] if flag != "sanitize-payload"]
    return {
        name: sorted(map(str, value)) if isinstance(value, list) else value
        for name, value in described.items()
        if name != "passwords"
    }


def test_a_user_comes_in_with_the_newest_password_and_may_do_its_work(
    servers: Mapping[str, Guarded],
) -> None:
    for server in servers.values():
        for user, password in server.passwords.items():
            with server.connect(user, password) as client:
                assert client.ping()
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.flushall()


@pytest.mark.parametrize("name", CONTRACT)
def test_default_cannot_be_become(servers: Mapping[str, Guarded], name: str) -> None:
    for password in ("", "default", "nopass"):
        with (
            redis.Redis(port=servers[name].port, protocol=2) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.execute_command("AUTH", "default", password)


def test_a_restart_keeps_what_was_queued_in_a_transaction(
    servers: Mapping[str, Guarded],
) -> None:
    """Redis checks MULTI against the account `default` as it loads its file, and skips what that
    may not do: with a powerless `default` every order is gone, and only the log tells."""
    server = servers["queue"]
    password = server.passwords["publisher"]
    with server.connect("publisher", password) as client, client.pipeline() as orders:
        for number in range(3):
            orders.xadd("orders", {"order": str(number)})
            orders.hset("pending:guest", str(number), "waits")
        orders.execute()
    server.stop(signal.SIGKILL)
    server.start()
    with server.connect("publisher", password) as client:
        assert client.xlen("orders") == 3

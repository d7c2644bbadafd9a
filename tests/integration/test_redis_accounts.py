"""The queue Redis under the accounts that the stack gives it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bootstrap.credentials import READERS, create_master
from tests.servers import RedisServer, running

pytestmark = pytest.mark.integration


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[RedisServer, dict[str, str]]]:
    """A server with an account per user, and each user's password."""
    master = create_master()
    (reader,) = [reader for reader in READERS if reader.name == "queue-redis"]
    accounts = tmp_path / "users.acl"
    accounts.write_text(reader.files["users.acl"](master))
    server = Guarded(tmp_path, durable=True, options=["--aclfile", str(accounts)])
    with running(server):
        yield server, {user: secrets[0] for user, secrets in master["queue"].items()}


class Guarded(RedisServer):
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


def test_a_restart_keeps_what_was_queued_in_a_transaction(
    guarded: tuple[RedisServer, dict[str, str]],
) -> None:
    """Redis checks MULTI against the account `default` as it loads its file, and skips what that
    may not do: with a powerless `default` every order is gone, and only the log tells."""
    server, passwords = guarded

    def connect() -> redis.Redis:
        return redis.Redis(
            port=server.port, username="publisher", password=passwords["publisher"], protocol=2
        )

    with connect() as client, client.pipeline(transaction=True) as orders:
        for number in range(3):
            orders.xadd("orders", {"order": str(number)})
            orders.hset("pending:guest", str(number), "waits")
        orders.execute()
    server.stop(signal.SIGKILL)
    server.start()
    with connect() as client:
        assert client.xlen("orders") == 3


def test_default_cannot_be_become(guarded: tuple[RedisServer, dict[str, str]]) -> None:
    server, _ = guarded
    for password in ("", "default", "nopass"):
        with (
            redis.Redis(port=server.port, protocol=2) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.execute_command("AUTH", "default", password)

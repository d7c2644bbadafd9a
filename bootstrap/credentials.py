"""Which secret files each part of the stack reads, all derived from one set of master secrets.

A reader sees its own folder only. Redis and MySQL get the accounts of all their users, Redis as
hashes; each user gets its own password. Rights are those of the contract, §5.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SERVICE_USER_ID = 10001
# As the pinned images run them.
REDIS_USER_ID = MYSQL_USER_ID = 999
EXPORTER_USER_ID = 65534
REDIS_EXPORTER_USER_ID = 59000
GRAFANA_USER_ID = 472

# Beside what redis-py sends to set a connection up, and the ping of a probe.
_CONNECT = "+ping +hello +auth +select +client|setname"
QUEUE_USERS: Mapping[str, str] = {
    "publisher": "~orders ~idem:* ~pending:* +xadd +xlen +xrange +set +get +hset +multi +exec"
    " +discard +info",
    "consumer": "~orders ~orders:dead ~pending:* +xreadgroup +xautoclaim +xclaim +xpending +xack"
    " +xdel +xadd +xlen +xrange +hset +hdel +xgroup|create +xgroup|delconsumer +xinfo +multi"
    " +exec +discard +info",
    "service-http": "~pending:* +hget +hgetall",
    "housekeeping": "~idem:* ~orders ~orders:dead ~pending:* +scan +unlink +xlen +xrange +xinfo"
    # A copy of the whole queue, as a replica gets it.
    " +info +replconf +sync",
    "exporter": "~orders ~orders:dead +xlen +xinfo +info +slowlog|get +latency|latest",
    "scaler": "~orders ~orders:dead +xlen",
}
CACHE_USERS: Mapping[str, str] = {
    "service-http": "~c:* +get +mget +set +unlink",
    "consumer": "~c:* +get +mget +set +unlink",
    "exporter": "+info +slowlog|get +latency|latest",
}
# What holds beyond single tables; rights on these follow once they exist (database/rights.py).
DATABASE_USERS: Mapping[str, tuple[str, ...]] = {
    "service_http": (),
    "consumer": (),
    "housekeeping": (),
    # Backups read everything and change nothing; the rest is for the binary log and its position.
    "backup": (
        "SELECT, TRIGGER, EVENT ON arloji.*",
        "FLUSH_TABLES, REPLICATION CLIENT, REPLICATION SLAVE, SHOW_ROUTINE ON *.*",
    ),
    # A restore fills a schema beside and changes it for the one in use.
    "migrate": tuple(
        f"SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES ON {schemas}.*"
        for schemas in ("arloji", "`arloji\\_%`")
    ),
    "exporter": ("PROCESS, REPLICATION CLIENT ON *.*", "SELECT ON performance_schema.*"),
}

Master = Mapping[str, Any]
Render = Callable[[Master], str]


@dataclass(frozen=True)
class Reader:
    """`files` maps a file's name to what it holds; only `user_id` may read it."""

    name: str
    user_id: int
    files: Mapping[str, Render]


def create_master() -> dict[str, Any]:
    """Fresh secrets for everything; each a list, the current one first. `rotating` while not
    every reader has what the last rotation made."""
    return {
        "rotating": False,
        "session": [_secret()],
        "grafana": [_secret()],
        "root": [_secret()],
        "queue": {user: [_secret()] for user in QUEUE_USERS},
        "cache": {user: [_secret()] for user in CACHE_USERS},
        "database": {user: [_secret()] for user in DATABASE_USERS},
    }


def complete(master: Master) -> dict[str, Any]:
    """The same, with secrets for users that a newer version has added."""
    fresh = create_master()
    return {
        name: {**value, **master.get(name, {})}
        if isinstance(value, dict)
        else master.get(name, value)
        for name, value in fresh.items()
    }


def rotate(master: Master) -> dict[str, Any]:
    """A new secret in front of each; the one before stays valid until the next rotation.

    A rotation that is under way is gone on with: another one would shut out whoever still uses
    the secrets from before it.
    """
    if master["rotating"]:
        return dict(master)
    renewed = {
        name: {user: [_secret(), known[0]] for user, known in value.items()}
        if isinstance(value, dict)
        # MySQL's own root and Grafana's admin are changed with their own tools.
        else ([_secret(), value[0]] if name == "session" else value)
        for name, value in master.items()
    }
    return renewed | {"rotating": True}


def _secret() -> str:
    # Without characters that a URL, SQL or Redis would need to have quoted.
    return secrets.token_hex(24)


def _queue_url(user: str) -> Render:
    return lambda master: f"redis://{user}:{master['queue'][user][0]}@queue-redis:6379/0"


def _cache_url(user: str) -> Render:
    return lambda master: f"redis://{user}:{master['cache'][user][0]}@cache-redis:6379/0"


def _database_url(user: str) -> Render:
    return lambda master: f"mysql+pymysql://{user}:{master['database'][user][0]}@mysql:3306/arloji"


def _root_url(master: Master) -> str:
    """By the server's socket: root has no account that a network could reach."""
    socket = "/var/run/mysqld/mysqld.sock"
    return f"mysql+pymysql://root:{master['root'][0]}@localhost/arloji?unix_socket={socket}"


def _acl(server: str, users: Mapping[str, str]) -> Render:
    """Redis's ACL file: nobody without a name, everybody with no more than its rights.

    Nobody can be `default`, which is off and without a password. Its rights are those of the
    append-only file: as it is loaded, Redis leaves every MULTI out that `default` may not run.
    """

    def render(master: Master) -> str:
        lines = ["user default off resetpass ~* &* +@all"]
        for user, rights in users.items():
            hashes = " ".join(
                "#" + hashlib.sha256(secret.encode()).hexdigest() for secret in master[server][user]
            )
            lines.append(f"user {user} on {hashes} resetchannels -@all {_CONNECT} {rights}")
        return "\n".join(lines) + "\n"

    return render


def _database_accounts(master: Master) -> str:
    """What `python -m database accounts` makes of each user (database/rights.py)."""
    accounts = {
        user: {"passwords": master["database"][user], "grants": grants}
        for user, grants in DATABASE_USERS.items()
    }
    return json.dumps(accounts, indent=1)


def _mysql_client(master: Master) -> str:
    return f"[client]\nuser=exporter\npassword={master['database']['exporter'][0]}\n"


def _redis_exporter_passwords(master: Master) -> str:
    return json.dumps(
        {
            f"redis://exporter@{server}-redis:6379": master[server]["exporter"][0]
            for server in ("queue", "cache")
        }
    )


READERS: tuple[Reader, ...] = (
    Reader("frontend", SERVICE_USER_ID, {"session_secret": lambda m: "\n".join(m["session"])}),
    Reader("publisher", SERVICE_USER_ID, {"queue_redis_url": _queue_url("publisher")}),
    Reader(
        "service-http",
        SERVICE_USER_ID,
        {
            "database_url": _database_url("service_http"),
            "queue_redis_url": _queue_url("service-http"),
            "cache_redis_url": _cache_url("service-http"),
        },
    ),
    Reader(
        "consumer",
        SERVICE_USER_ID,
        {
            "database_url": _database_url("consumer"),
            "queue_redis_url": _queue_url("consumer"),
            "cache_redis_url": _cache_url("consumer"),
        },
    ),
    Reader(
        "housekeeping",
        SERVICE_USER_ID,
        {
            "database_url": _database_url("housekeeping"),
            "backup_database_url": _database_url("backup"),
            "queue_redis_url": _queue_url("housekeeping"),
        },
    ),
    Reader("migrate", SERVICE_USER_ID, {"database_url": _database_url("migrate")}),
    Reader(
        "accounts",
        SERVICE_USER_ID,
        {"database_url": _root_url, "accounts.json": _database_accounts},
    ),
    Reader("queue-redis", REDIS_USER_ID, {"users.acl": _acl("queue", QUEUE_USERS)}),
    Reader("cache-redis", REDIS_USER_ID, {"users.acl": _acl("cache", CACHE_USERS)}),
    Reader("mysql", MYSQL_USER_ID, {"root_password": lambda m: str(m["root"][0])}),
    Reader("mysqld-exporter", EXPORTER_USER_ID, {"my.cnf": _mysql_client}),
    Reader("redis-exporter", REDIS_EXPORTER_USER_ID, {"passwords.json": _redis_exporter_passwords}),
    Reader("grafana", GRAFANA_USER_ID, {"admin_password": lambda m: str(m["grafana"][0])}),
)

"""What each account of Redis and MySQL may do: the contract's table, tried command by command."""

import json
import re
from fnmatch import fnmatchcase

import pytest

from database.tables import orders
from tests.compose.project import ROOT, ComposeProject

# Server → user → (keys, commands), as the contract's §5 has them.
REDIS: dict[str, dict[str, tuple[str, str]]] = {
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
            "scan unlink xlen xrange xinfo info",
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
KEYS = ("orders", "orders:dead", "idem:g:k", "pending:g", "c:product:0", "elsewhere")
# Commands on a key, which stands where the brackets are; harmless where they are allowed.
ON_A_KEY = {
    "append": "{} x",
    "copy": "{} copied",
    "del": "{}",
    "dump": "{}",
    "exists": "{}",
    "expire": "{} 1",
    "get": "{}",
    "hdel": "{} field",
    "hget": "{} field",
    "hgetall": "{}",
    "hset": "{} field value",
    "incr": "{}",
    "mget": "{}",
    "persist": "{}",
    "rename": "{} renamed",
    "set": "{} value EX 1",
    "type": "{}",
    "unlink": "{}",
    "xack": "{} nobody 0-1",
    "xadd": "{} * field value",
    "xautoclaim": "{} nobody me 0 0-0",
    "xclaim": "{} nobody me 0 0-1",
    "xdel": "{} 0-1",
    "xgroup|create": "CREATE {} nobody 0",
    "xgroup|delconsumer": "DELCONSUMER {} nobody me",
    "xgroup|destroy": "DESTROY {} nobody",
    "xgroup|setid": "SETID {} nobody 0",
    "xinfo": "STREAM {}",
    "xlen": "{}",
    "xpending": "{} nobody",
    "xrange": "{} - + COUNT 1",
    "xread": "COUNT 1 STREAMS {} 0",
    "xreadgroup": "GROUP nobody me COUNT 1 STREAMS {} >",
    "xsetid": "{} 0-1",
    "xtrim": "{} MAXLEN 1000000000",
}
KEYLESS = {
    "acl|list": "LIST",
    "acl|setuser": "SETUSER stranger",
    "bgrewriteaof": "",
    "bgsave": "",
    "client|kill": "KILL ID 0",
    "client|list": "LIST",
    "config|get": "GET *",
    "config|set": "SET appendfsync no",
    "dbsize": "",
    "discard": "",
    "eval": "1 0",
    "exec": "",
    "flushall": "",
    "flushdb": "",
    "function|list": "LIST",
    "info": "server",
    "keys": "*",
    "latency|latest": "LATEST",
    "latency|reset": "RESET",
    "module|list": "LIST",
    "monitor": "",
    "multi": "",
    "publish": "channel message",
    "randomkey": "",
    "replicaof": "NO ONE",
    "save": "",
    "scan": "0",
    "script|flush": "FLUSH",
    "shutdown": "NOSAVE",
    "slowlog|get": "GET",
    "slowlog|reset": "RESET",
    "subscribe": "channel",
    "swapdb": "0 1",
    "wait": "0 1",
}
# The answer of a server that checked the right and let the command pass is anything else than
# NOPERM. Whoever may use MULTI only queues it there, and nothing is done.
_TRY_COMMANDS = """
import json, socket, sys
server, cases = sys.argv[1], json.load(open("/dev/stdin"))
secrets = json.load(open("/secrets/master.json"))[server]
def pack(*words):
    parts = b"".join(b"$%d\\r\\n%s\\r\\n" % (len(word.encode()), word.encode()) for word in words)
    return b"*%d\\r\\n%s" % (len(words), parts)
def ask(stream, *words):
    stream.write(pack(*words))
    stream.flush()
    return stream.readline().decode().strip()
outcomes = []
for user, queued, words in cases:
    with socket.create_connection((f"{server}-redis", 6379), 5) as connection:
        stream = connection.makefile("rwb")
        assert ask(stream, "AUTH", user, secrets[user][0]) == "+OK", user
        if queued:
            assert ask(stream, "MULTI") == "+OK", user
        outcomes.append(ask(stream, *words))
print(json.dumps(outcomes))
"""


def _redis_cases(server: str) -> list[tuple[str, str, str, list[str]]]:
    """User, command as the contract writes it, key or none, and the words to send."""
    cases = []
    for user in REDIS[server]:
        for command, template in ON_A_KEY.items():
            name = command.partition("|")[0]
            cases += [(user, command, key, [name, *template.format(key).split()]) for key in KEYS]
        for command, arguments in KEYLESS.items():
            cases.append((user, command, "", [command.partition("|")[0], *arguments.split()]))
    return cases


def _redis_allows(server: str, user: str, command: str, key: str) -> bool:
    keys, commands = REDIS[server][user]
    if command not in commands.split():
        return False
    return not key or any(fnmatchcase(key, pattern) for pattern in keys.split())


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_each_redis_user_may_do_what_the_contract_says_and_no_more(
    project: ComposeProject, server: str
) -> None:
    cases = _redis_cases(server)
    # Queued where the user may; EXEC and its like are then sent as they are.
    asked = [
        [user, "multi" in REDIS[server][user][1].split() and bool(key), words]
        for user, _, key, words in cases
    ]
    outcomes = project.probe(
        _TRY_COMMANDS,
        server,
        stdin=json.dumps(asked),
        options=["--network", project.volume(server), *_secrets(project, "master")],
    )
    wrong = [
        f"{user}: {' '.join(words)} → {outcome}"
        for (user, command, key, words), outcome in zip(cases, outcomes, strict=True)
        if _redis_allows(server, user, command, key) == ("NOPERM " in outcome)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_without_a_name_redis_answers_nothing(project: ComposeProject, server: str) -> None:
    (container,) = project.containers(f"{server}-redis")
    for command in (["PING"], ["INFO"], ["AUTH", "default", ""], ["XLEN", "orders"]):
        answer = project.exec(container, "redis-cli", *command)
        assert answer.startswith(("NOAUTH", "WRONGPASS")), (command, answer)


TABLES = (
    "products",
    "product_words",
    "orders",
    "order_items",
    "stock_ledger",
    "purged_orders",
    "alembic_version",
)
COLUMNS = tuple(column.name for column in orders.columns)
# What may be tried without an effect: no row matches, or the table does not exist, which the
# server says only to those who may.
STATEMENTS = {
    **{f"select {table}": f"SELECT * FROM arloji.{table} WHERE 1 = 0" for table in TABLES},
    **{
        f"select orders.{column}": f"SELECT {column} FROM arloji.orders LIMIT 0"
        for column in COLUMNS
    },
    "select purged_orders.order_id": "SELECT order_id FROM arloji.purged_orders LIMIT 0",
    "select purged_orders.fingerprint": "SELECT fingerprint FROM arloji.purged_orders LIMIT 0",
    **{
        f"insert {table}": f"INSERT INTO arloji.{table} SELECT * FROM arloji.{table} LIMIT 0"
        for table in TABLES
    },
    **{f"delete {table}": f"DELETE FROM arloji.{table} WHERE 1 = 0" for table in TABLES},
    "update products.stock": "UPDATE arloji.products SET stock = stock WHERE 1 = 0",
    "update products.price_idr": "UPDATE arloji.products SET price_idr = price_idr WHERE 1 = 0",
    "update products.name": "UPDATE arloji.products SET name = name WHERE 1 = 0",
    "update product_words": "UPDATE arloji.product_words SET word = word WHERE 1 = 0",
    "update orders": "UPDATE arloji.orders SET status = status WHERE 1 = 0",
    "update order_items": "UPDATE arloji.order_items SET quantity = quantity WHERE 1 = 0",
    "update stock_ledger": "UPDATE arloji.stock_ledger SET reason = reason WHERE 1 = 0",
    "update purged_orders": "UPDATE arloji.purged_orders SET status = status WHERE 1 = 0",
    "update alembic_version": "UPDATE arloji.alembic_version SET version_num = 0 WHERE 1 = 0",
    "create table": "CREATE TABLE arloji.products (a INT)",
    "alter": "ALTER TABLE arloji.absent ADD COLUMN a INT",
    "drop": "DROP TABLE arloji.absent",
    "index": "CREATE INDEX absent ON arloji.absent (a)",
    "create view": "CREATE VIEW arloji.absent AS SELECT 1",
    "create procedure": "CREATE PROCEDURE arloji.absent() SELECT 1",
    "create event": "CREATE EVENT arloji.absent ON SCHEDULE EVERY 1 DAY DO SELECT 1",
    "create trigger": "CREATE TRIGGER arloji.a AFTER INSERT ON arloji.orders FOR EACH ROW SET @a=1",
    "create temporary table": "CREATE TEMPORARY TABLE arloji.absent (a INT)",
    "create database": "CREATE DATABASE absent",
    "lock tables": "LOCK TABLES arloji.products READ",
    "file": "SELECT 1 INTO OUTFILE '/tmp/absent'",
    "grant": "GRANT SELECT ON arloji.products TO 'migrate'@'%'",
    "create user": "CREATE USER absent@localhost IDENTIFIED BY 'x'",
    "process": "SELECT COUNT(*) FROM information_schema.innodb_trx",
    "replication client": "SHOW BINARY LOG STATUS",
    "replication slave": "SHOW REPLICAS",
    "reload": "FLUSH STATUS",
    "system variables": "SET GLOBAL max_connections = 60",
    "performance_schema": "SELECT 1 FROM performance_schema.events_statements_current LIMIT 0",
    "accounts": "SELECT 1 FROM mysql.user LIMIT 0",
}
_ALL_READS = {name for name in STATEMENTS if name.startswith("select ")}
_SHOWN = ("order_id", "guest_id", "status", "reason", "total_idr", "accepted_at")
MYSQL = {
    # Of an order what its guest is shown: neither name nor e-mail nor address.
    "service_http": {f"select orders.{column}" for column in _SHOWN}
    | {"select products", "select product_words", "select order_items", "select alembic_version"},
    "consumer": (_ALL_READS - {"select product_words"})
    | {"insert orders", "insert order_items", "insert stock_ledger", "update products.stock"},
    "housekeeping": {
        "select orders.order_id",
        "select orders.accepted_at",
        "select purged_orders.order_id",
    },
    "migrate": _ALL_READS
    | {name for name in STATEMENTS if name.startswith(("insert ", "update ", "delete "))}
    | {"create table", "alter", "drop", "index"},
    "exporter": {"process", "replication client", "performance_schema"},
}
# Access denied to a schema, a table, a column, a server-wide right; and for FILE and triggers.
_DENIED = {1044, 1045, 1142, 1143, 1227, 1410, 1419}
_TRY_STATEMENTS = """
import json, pymysql
statements = json.load(open("/dev/stdin"))
secrets = json.load(open("/secrets/master.json"))["database"]
outcomes = {}
for user, (password, *_) in secrets.items():
    for name, statement in statements.items():
        connection = pymysql.connect(host="mysql", user=user, password=password)
        with connection, connection.cursor() as cursor:
            try:
                cursor.execute(statement)
                outcomes[f"{user}: {name}"] = 0
            except pymysql.MySQLError as error:
                outcomes[f"{user}: {name}"] = error.args[0]
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes(project: ComposeProject) -> dict[str, int]:
    """User and statement → MySQL's error number, 0 without an error. After an upgrade from a
    version that granted more."""
    as_root(
        project,
        "GRANT SELECT ON arloji.* TO service_http; GRANT DELETE ON arloji.orders TO consumer;"
        " GRANT RELOAD ON *.* TO housekeeping",
    )
    project.compose("run", "--rm", "--no-deps", "rights")
    found: dict[str, int] = project.probe(
        _TRY_STATEMENTS,
        stdin=json.dumps(STATEMENTS),
        options=["--network", project.volume("database"), *_secrets(project, "master")],
    )
    return found


@pytest.mark.parametrize("user", MYSQL)
def test_each_mysql_user_may_do_what_the_contract_says_and_no_more(
    outcomes: dict[str, int], user: str
) -> None:
    allowed = {name for name in STATEMENTS if outcomes[f"{user}: {name}"] not in _DENIED}
    assert allowed == MYSQL[user]


def test_no_other_account_exists_and_only_root_has_power_over_the_server(
    project: ComposeProject,
) -> None:
    accounts = as_root(
        project,
        "SELECT CONCAT(user, '@', host), account_locked = 'Y',"
        " 'Y' IN (Grant_priv, File_priv, Super_priv, Create_user_priv, Shutdown_priv,"
        " Reload_priv, Repl_slave_priv) FROM mysql.user",
    )
    usable = {name: powerful for name, locked, powerful in accounts if locked == "0"}
    assert usable == {"root@localhost": "1", **{f"{user}@%": "0" for user in MYSQL}}


def test_root_is_not_known_on_the_network(project: ComposeProject) -> None:
    script = """
import json, pymysql
password = open("/secrets/root_password").read()
try:
    pymysql.connect(host="mysql", user="root", password=password)
    print(json.dumps("came in"))
except pymysql.MySQLError as error:
    print(json.dumps(error.args[0]))
"""
    options = ["--network", project.volume("database"), *_secrets(project, "mysql")]
    assert project.probe(script, options=options) == 1045


def as_root(project: ComposeProject, query: str) -> list[list[str]]:
    """As an operator in MySQL's own container, by its socket."""
    (mysql,) = project.containers("mysql")
    script = (
        "MYSQL_PWD=$(cat /run/secrets/root_password) exec mysql --user=root --batch"
        " --skip-column-names --socket=/var/run/mysqld/mysqld.sock arloji"
    )
    lines = project.exec(mysql, "sh", "-c", script, stdin=query).splitlines()
    return [line.split("\t") for line in lines]


def _secrets(project: ComposeProject, reader: str) -> list[str]:
    return ["--volume", f"{project.volume(f'secrets-{reader}')}:/secrets:ro"]


def test_what_mysqls_file_says_is_what_runs(project: ComposeProject) -> None:
    lines = (ROOT / "stores" / "mysql.cnf").read_text().splitlines()
    asked = dict(line.split(" = ") for line in lines if re.match(r"\w+ = ", line))
    assert asked.pop("mysqlx") == "OFF"  # a plugin, which has no variable when it is off
    assert asked.pop("default_time_zone") == "+00:00"
    names = (*asked, "time_zone", "mysqlx_port")
    shown = as_root(project, f"SHOW GLOBAL VARIABLES WHERE variable_name IN {names}")
    assert {name: plain(value) for name, value in shown} == {
        "time_zone": "+00:00",
        **{name: plain(value) for name, value in asked.items()},
    }


def plain(value: str) -> str:
    """The server's own way to write a value of the file."""
    if match := re.fullmatch(r"(\d+)([KMG])", value):
        return str(int(match[1]) * 1024 ** ("KMG".index(match[2]) + 1))
    if re.fullmatch(r"\d+\.\d+", value):
        return str(float(value))
    return {"ON": "1", "OFF": "0"}.get(value, value.rstrip("/"))

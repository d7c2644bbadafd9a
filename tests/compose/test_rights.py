"""What each account of MySQL may do is the contract's table, and nobody without a name is let in.
The accounts of Redis are tried in tests/integration/test_redis_accounts.py."""

import re

import pytest

from tests.compose.project import ROOT, ComposeProject

# User → where → what, as the contract's §5 has it; of some tables single columns.
MYSQL = {
    # Of an order what its guest is shown: neither name nor e-mail nor address.
    "service_http": {
        **dict.fromkeys(
            ("products", "product_words", "catalogue_counts", "order_items", "alembic_version"),
            "SELECT",
        ),
        "orders": " ".join(
            f"SELECT({column})"
            for column in ("order_id", "guest_id", "status", "reason", "total_idr", "accepted_at")
        ),
    },
    "consumer": {
        "products": "SELECT UPDATE(stock)",
        **dict.fromkeys(("orders", "order_items", "stock_ledger"), "SELECT INSERT"),
        **dict.fromkeys(("purged_orders", "alembic_version"), "SELECT"),
    },
    # Of an order what its archive has; orders leave, and their ids stay.
    "housekeeping": {
        "orders": "DELETE SELECT(order_id) SELECT(fingerprint) SELECT(status) SELECT(reason)"
        " SELECT(total_idr) SELECT(accepted_at) SELECT(stored_at)",
        "order_items": "SELECT DELETE",
        "stock_ledger": "INSERT DELETE SELECT(entry_id) SELECT(product_id) SELECT(order_id)"
        " SELECT(change) SELECT(reason)",
        "purged_orders": "INSERT SELECT(order_id)",
    },
    "backup": {
        "*": "SELECT TRIGGER EVENT",
        "*.*": "FLUSH_TABLES REPLICATION_CLIENT REPLICATION_SLAVE SHOW_ROUTINE",
    },
    "migrate": dict.fromkeys(
        ("*", r"arloji\_%.*"), "SELECT INSERT UPDATE DELETE CREATE ALTER DROP INDEX REFERENCES"
    ),
    "exporter": {"*.*": "PROCESS REPLICATION_CLIENT", "performance_schema.*": "SELECT"},
}
_GRANTED = """
SELECT grantee, '*.*', CONCAT(REPLACE(privilege_type, ' ', '_'), is_grantable)
  FROM information_schema.user_privileges
UNION ALL SELECT grantee, CONCAT(table_schema, '.*'), CONCAT(privilege_type, is_grantable)
  FROM information_schema.schema_privileges
UNION ALL SELECT grantee, CONCAT(table_schema, '.', table_name),
    CONCAT(privilege_type, is_grantable)
  FROM information_schema.table_privileges
UNION ALL SELECT grantee, CONCAT(table_schema, '.', table_name),
    CONCAT(privilege_type, '(', column_name, ')', is_grantable)
  FROM information_schema.column_privileges
"""


def test_each_mysql_user_may_do_what_the_contract_says_and_no_more(
    project: ComposeProject,
) -> None:
    """After an upgrade from a version that granted more."""
    as_root(
        project,
        "GRANT SELECT ON arloji.* TO service_http; GRANT DELETE ON arloji.orders TO consumer;"
        " GRANT RELOAD ON *.* TO housekeeping",
    )
    project.compose("run", "--rm", "--no-deps", "rights")
    found: dict[str, dict[str, set[str]]] = {user: {} for user in MYSQL}
    for grantee, place, privilege in as_root(project, _GRANTED):
        user, _, host = grantee.replace("'", "").partition("@")
        if host == "%" and privilege != "USAGENO":
            where = place.removeprefix("arloji.")
            found.setdefault(user, {}).setdefault(where, set()).add(privilege)
    assert found == {
        user: {where: {f"{one}NO" for one in said.split()} for where, said in rights.items()}
        for user, rights in MYSQL.items()
    }
    assert as_root(project, "SELECT * FROM mysql.role_edges; SELECT * FROM mysql.procs_priv") == []


def test_no_other_account_exists_and_only_root_has_power_over_the_server(
    project: ComposeProject,
) -> None:
    accounts = as_root(
        project,
        "SELECT CONCAT(user, '@', host), account_locked = 'Y',"
        " 'Y' IN (Grant_priv, File_priv, Super_priv, Create_user_priv, Shutdown_priv,"
        " Reload_priv) FROM mysql.user",
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
    secrets = ("--volume", f"{project.volume('secrets-mysql')}:/secrets:ro")
    options = ["--network", project.volume("database"), *secrets]
    assert project.probe(script, options=options) == 1045


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_without_a_name_redis_answers_nothing(project: ComposeProject, server: str) -> None:
    (container,) = project.containers(f"{server}-redis")
    for command in (["PING"], ["INFO"], ["AUTH", "default", ""], ["XLEN", "orders"]):
        answer = project.exec(container, "redis-cli", *command)
        assert answer.startswith(("NOAUTH", "WRONGPASS")), (command, answer)


def as_root(project: ComposeProject, query: str) -> list[list[str]]:
    """As an operator in MySQL's own container, by its socket."""
    (mysql,) = project.containers("mysql")
    script = (
        "MYSQL_PWD=$(cat /run/secrets/root_password) exec mysql --user=root --batch"
        " --raw --skip-column-names --socket=/var/run/mysqld/mysqld.sock arloji"
    )
    lines = project.exec(mysql, "sh", "-c", script, stdin=query).splitlines()
    return [line.split("\t") for line in lines]


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

"""Everything that is secret follows from one set of master secrets."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from bootstrap.credentials import (
    CACHE_USERS,
    DATABASE_USERS,
    QUEUE_USERS,
    READERS,
    complete,
    create_master,
    rotate,
)
from database.rights import TABLE_RIGHTS


def rendered(master: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{reader.name}/{name}": render(master)
        for reader in READERS
        for name, render in reader.files.items()
    }


@pytest.fixture
def master() -> dict[str, Any]:
    return create_master()


def test_every_secret_is_long_and_of_its_own(master: dict[str, Any]) -> None:
    def leaves(value: Any) -> list[str]:
        if isinstance(value, bool):
            return []
        if isinstance(value, str):
            return [value]
        children = value.values() if isinstance(value, dict) else value
        return [leaf for child in children for leaf in leaves(child)]

    found = leaves(master)
    assert len(set(found)) == len(found)
    assert min(map(len, found)) >= 32


def test_redis_learns_hashes_and_never_a_password(master: dict[str, Any]) -> None:
    files = rendered(master)
    for server in ("queue", "cache"):
        acl = files[f"{server}-redis/users.acl"]
        for secrets in master[server].values():
            assert secrets[0] not in acl
            assert hashlib.sha256(secrets[0].encode()).hexdigest() in acl


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_nobody_without_a_name_may_do_anything(master: dict[str, Any], server: str) -> None:
    first, *users = rendered(master)[f"{server}-redis/users.acl"].splitlines()
    # Its rights are for loading the append-only file (tests/integration/test_redis_accounts.py).
    assert first.split()[:4] == ["user", "default", "off", "resetpass"]
    assert "nopass" not in first
    known = QUEUE_USERS if server == "queue" else CACHE_USERS
    assert [line.split()[1] for line in users] == list(known)
    # Rights are added to nothing, never taken from everything.
    assert all(" -@all +ping " in line and "+@" not in line for line in users)


def test_a_reader_holds_no_secret_that_another_one_uses(master: dict[str, Any]) -> None:
    """A password is in its user's own file and, as it must be, with those that make accounts."""
    files = rendered(master)
    for user, secrets in master["database"].items():
        holders = {path.split("/")[0] for path, text in files.items() if secrets[0] in text}
        reader = {"service_http": "service-http", "exporter": "mysqld-exporter"}.get(user, user)
        assert holders == {reader, "accounts"}
    holders = {path.split("/")[0] for path, text in files.items() if master["root"][0] in text}
    assert holders == {"mysql", "accounts"}


def test_no_account_may_pass_its_rights_on_or_touch_files(master: dict[str, Any]) -> None:
    accounts = json.loads(rendered(master)["accounts/accounts.json"])
    assert accounts.keys() == DATABASE_USERS.keys() == TABLE_RIGHTS.keys() | {"migrate", "exporter"}
    grants = " ".join(grant for account in accounts.values() for grant in account["grants"])
    assert not re.search(r"GRANT OPTION|\bFILE\b|SUPER|\bALL\b", grants.upper())


def test_a_rotation_renews_everything_that_travels_a_network(master: dict[str, Any]) -> None:
    renewed = rotate(master)
    assert renewed["session"] == [renewed["session"][0], master["session"][0]]
    for server in ("queue", "cache", "database"):
        for user, secrets in renewed[server].items():
            assert secrets == [secrets[0], master[server][user][0]]
            assert secrets[0] != secrets[1]
    assert (renewed["root"], renewed["grafana"]) == (master["root"], master["grafana"])


def test_after_a_rotation_old_and_new_are_valid_until_the_next(master: dict[str, Any]) -> None:
    renewed = rotate(master)
    files = rendered(renewed)
    assert files["frontend/session_secret"].split() == renewed["session"]
    new, old = renewed["queue"]["publisher"]
    assert new in files["publisher/queue_redis_url"]
    for secret in (new, old):
        assert hashlib.sha256(secret.encode()).hexdigest() in files["queue-redis/users.acl"]
    shown = "".join(text for path, text in files.items() if path != "accounts/accounts.json")
    for server in ("queue", "cache", "database"):
        for user, (_, before) in renewed[server].items():
            assert before not in shown, f"{user} of {server} comes with the secret from before"
    finished = renewed | {"rotating": False}
    later = rendered(rotate(finished))["queue-redis/users.acl"]
    assert hashlib.sha256(new.encode()).hexdigest() in later
    assert hashlib.sha256(old.encode()).hexdigest() not in later
    new, old = renewed["database"]["consumer"]
    accounts = json.loads(files["accounts/accounts.json"])
    assert accounts["consumer"]["passwords"] == [new, old]
    assert old not in rendered(rotate(finished))["accounts/accounts.json"]


def test_a_rotation_under_way_is_gone_on_with(master: dict[str, Any]) -> None:
    """Another one would shut out whoever still uses the secrets from before it."""
    under_way = rotate(master)
    assert rotate(under_way) == under_way
    assert complete(under_way) == under_way


def test_a_newer_version_adds_users_and_keeps_the_known_ones(master: dict[str, Any]) -> None:
    older = json.loads(json.dumps(master))
    del older["queue"]["scaler"]
    del older["grafana"], older["rotating"]
    completed = complete(older)
    assert completed["queue"]["publisher"] == older["queue"]["publisher"]
    assert completed["queue"]["scaler"]
    assert completed["grafana"]
    assert complete(completed) == completed


def test_sessions_sign_with_what_the_frontend_accepts(master: dict[str, Any]) -> None:
    from services.frontend.settings import Settings

    text = rendered(rotate(master))["frontend/session_secret"]
    assert len(Settings(session_secret=text).session_secrets) == 2

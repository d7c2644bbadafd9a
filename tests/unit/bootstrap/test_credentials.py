"""Everything that is secret follows from one set of master secrets."""

import hashlib
import json
import re
from collections import Counter
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

SERVERS = ("queue", "cache", "database")


def rendered(master: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{reader.name}/{name}": render(master)
        for reader in READERS
        for name, render in reader.files.items()
    }


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture
def master() -> dict[str, Any]:
    return create_master()


def test_every_secret_is_long_and_of_its_own(master: dict[str, Any]) -> None:
    found = Counter(re.findall(r'"([^"]{20,})"', json.dumps(master)))
    assert len(found) == 3 + len(QUEUE_USERS) + len(CACHE_USERS) + len(DATABASE_USERS)
    assert set(found.values()) == {1}
    assert min(map(len, found)) >= 32


@pytest.mark.parametrize(("server", "known"), [("queue", QUEUE_USERS), ("cache", CACHE_USERS)])
def test_redis_learns_hashes_and_nobody_without_a_name_may_do_anything(
    master: dict[str, Any], server: str, known: Mapping[str, str]
) -> None:
    acl = rendered(master)[f"{server}-redis/users.acl"]
    for (secret,) in master[server].values():
        assert secret not in acl
        assert sha256(secret) in acl
    first, *users = acl.splitlines()
    # Its rights are for loading the append-only file (tests/integration/test_redis_accounts.py).
    assert first.startswith("user default off resetpass ")
    assert "nopass" not in acl
    assert [line.split()[1] for line in users] == list(known)
    # Rights are added to nothing, never taken from everything.
    assert all(" -@all +ping " in line and "+@" not in line for line in users)


READER_OF = {
    "service_http": "service-http",
    "exporter": "mysqld-exporter",
    "backup": "housekeeping",
}


def test_a_reader_holds_no_secret_that_another_one_uses(master: dict[str, Any]) -> None:
    """A password is in its user's own file and, as it must be, with those that make accounts."""
    files = rendered(master)

    def holders(secret: str) -> set[str]:
        return {path.split("/")[0] for path, text in files.items() if secret in text}

    for user, (secret,) in master["database"].items():
        reader = READER_OF.get(user, user)
        assert holders(secret) == {reader, "accounts"}
    assert holders(master["root"][0]) == {"mysql", "accounts"}


def test_no_account_may_pass_its_rights_on_or_touch_files(master: dict[str, Any]) -> None:
    accounts = json.loads(rendered(master)["accounts/accounts.json"])
    by_schema = {"migrate", "backup", "exporter"}
    assert accounts.keys() == DATABASE_USERS.keys() == TABLE_RIGHTS.keys() | by_schema
    grants = " ".join(grant for account in accounts.values() for grant in account["grants"])
    assert not re.search(r"GRANT OPTION|\bFILE\b|SUPER|\bALL\b", grants.upper())


def test_after_a_rotation_new_secrets_are_shown_and_the_old_ones_accepted_until_the_next(
    master: dict[str, Any],
) -> None:
    renewed = rotate(master)
    assert (renewed["root"], renewed["grafana"]) == (master["root"], master["grafana"])
    files = rendered(renewed)
    shown = "".join(text for path, text in files.items() if path != "accounts/accounts.json")
    next_files = rendered(rotate(renewed | {"rotating": False}))
    accounts = json.loads(files["accounts/accounts.json"])
    for server in SERVERS:
        for user, (new, old) in renewed[server].items():
            assert [old] == master[server][user] != [new]
            assert old not in shown, f"{user} of {server} comes with the secret from before"
            if server == "database":
                assert accounts[user]["passwords"] == [new, old]
                assert old not in next_files["accounts/accounts.json"]
            else:
                acl = f"{server}-redis/users.acl"
                assert f"#{sha256(new)} #{sha256(old)} " in files[acl]
                assert sha256(new) in next_files[acl]
                assert sha256(old) not in next_files[acl]


def test_sessions_sign_with_what_the_frontend_accepts(master: dict[str, Any]) -> None:
    from services.frontend.settings import Settings

    renewed = rotate(master)
    assert renewed["session"] == [renewed["session"][0], *master["session"]]
    settings = Settings(session_secret=rendered(renewed)["frontend/session_secret"])
    assert len(settings.session_secrets) == 2


def test_a_rotation_under_way_goes_on_and_a_newer_version_adds_users_to_the_known_ones(
    master: dict[str, Any],
) -> None:
    """Another rotation would shut out whoever still uses the secrets from before it."""
    under_way = rotate(master)
    assert rotate(under_way) == complete(under_way) == under_way
    older = json.loads(json.dumps(master))
    del older["queue"]["scaler"], older["grafana"], older["rotating"]
    completed = complete(older)
    assert completed["queue"].items() >= older["queue"].items()
    assert completed["queue"]["scaler"]
    assert completed["grafana"]
    assert completed["rotating"] is False

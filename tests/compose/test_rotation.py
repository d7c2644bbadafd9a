"""`make secrets`, while customers order: new secrets everywhere, no session and no order lost."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.compose.customers import Customers, assert_each_is_one_order
from tests.compose.project import ComposeProject
from tests.e2e.conftest import Guest

_READ_SECRETS = """
import json, os
print(json.dumps({
    os.path.relpath(os.path.join(folder, name), "/secrets"): open(os.path.join(folder, name)).read()
    for folder, _, names in os.walk("/secrets") for name in names
}))
"""
READERS = ("frontend", "publisher", "service-http", "consumer", "housekeeping", "migrate")


def secrets(project: ComposeProject) -> dict[str, str]:
    mounts = [
        part
        for reader in (*READERS, "master")
        for part in ("--volume", f"{project.volume(f'secrets-{reader}')}:/secrets/{reader}:ro")
    ]
    found: dict[str, str] = project.probe(_READ_SECRETS, options=mounts)
    return found


Rotated = tuple[dict[str, str], dict[str, str], Customers, Guest]


@pytest.fixture(scope="module")
def rotated(project: ComposeProject) -> Iterator[Rotated]:
    """The secrets before and after, who was there meanwhile, and a guest from before. The first
    try stopped when the secrets were made."""
    before = secrets(project)
    make = ("python", "-m", "bootstrap", "/bootstrap", "--rotate")
    project.compose("run", "--rm", "--no-deps", "bootstrap", *make)
    with closing(Guest(project.shop_url)) as guest:
        guest.post_order({guest.product()["product_id"]: 1})
        with Customers(project.shop_url, ordering=1, browsing=1) as customers:
            customers.wait_for_orders(3)
            project.run("make", "secrets", f"PYTHON={sys.executable}")
            customers.wait_for_orders(3)
        yield before, secrets(project), customers, guest


def test_every_secret_of_a_service_is_another_one(rotated: Rotated) -> None:
    before, after, _, _ = rotated
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] == after[name]] == []


def test_sessions_and_orders_are_kept(project: ComposeProject, rotated: Rotated) -> None:
    _, _, customers, guest = rotated
    assert len(guest.http.get("/api/orders").json()["items"]) == 1
    assert {failure.status for failure in customers.failures} <= {0, 502, 503, 504}
    assert_each_is_one_order(project, customers.accepted)
    # Only the queue's restart was to be felt, and only by those who order.
    assert customers.longest_gap("browse") == 0
    assert customers.longest_gap("order") < 30


def test_nobody_uses_an_old_secret_any_more(project: ComposeProject, rotated: Rotated) -> None:
    """Every reader has started after its secrets were made."""
    after = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(_made_at(project)))
    readers = ("frontend", "publisher", "service-http", "consumer", "queue-redis", "cache-redis")
    for one in project.containers(*readers, "mysqld-exporter", "redis-exporter"):
        assert one.started_at >= after, one.name


def _made_at(project: ComposeProject) -> float:
    # Not the master copy's: that is written once more when all have theirs.
    script = "import os; print(os.stat('/secrets/session_secret').st_mtime)"
    volume = f"{project.volume('secrets-frontend')}:/secrets:ro"
    made: float = project.probe(script, options=["--volume", volume])
    return made


def test_the_secret_before_is_good_beside_the_new_one(
    project: ComposeProject, rotated: Rotated
) -> None:
    """However often the stack is brought up since, and though the rotation was begun twice."""
    before, after, _, _ = rotated
    masters = [json.loads(found["master/master.json"])["database"] for found in (before, after)]
    assert {user: known[1] for user, known in masters[1].items()} == {
        user: known[0] for user, known in masters[0].items()
    }
    for _ in range(2):
        project.up()
    script = """
import json, pymysql
master = json.load(open("/secrets/master.json"))
came_in = {}
for user, passwords in master["database"].items():
    for age, password in enumerate(passwords):
        try:
            pymysql.connect(host="mysql", user=user, password=password).close()
            came_in[f"{user} {age}"] = True
        except pymysql.MySQLError as error:
            came_in[f"{user} {age}"] = str(error)
print(json.dumps(came_in))
"""
    volume = f"{project.volume('secrets-master')}:/secrets:ro"
    options = ["--network", project.volume("database"), "--volume", volume]
    found = project.probe(script, options=options)
    assert len(found) == 2 * len(masters[1]) == 12
    assert set(found.values()) == {True}

"""The stores on file systems small enough to be filled, in a project of their own."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tests import waiting
from tests.compose.project import ROOT, CommandFailed, ComposeProject, Container
from tests.compose.test_rights import as_root
from tests.publishing import headers, order

# On a machine that is busy with something else.
eventually = partial(waiting.eventually, seconds=120)
FULL = "CREATE DATABASE full; CREATE TABLE full.notes (n INT PRIMARY KEY, note MEDIUMTEXT)"
# A megabyte, for which no page in the file has room.
NOTE = "INSERT INTO full.notes VALUES ({}, REPEAT('x', 1000000))"
_POST = """
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

    def fill(self, folder: str, leaving: int = 0) -> None:
        """In a place that no server looks at: to the last byte, or until so many are left."""
        ballast = f"{folder}/lost+found/ballast"
        self.keep(f"mkdir -p {folder}/lost+found; dd if=/dev/zero of={ballast} bs=64k || true")
        if leaving:
            self.keep(f"truncate --size=-{leaving} {ballast}")

    def free(self, folder: str) -> None:
        self.keep(f"rm {folder}/lost+found/ballast")

    def said(self, service: str) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", service)

    def post(self, url: str, body: object, **given: str) -> int:
        """Send JSON from within the container of the publisher; the answer's status, 0 without."""
        sent = json.dumps([url, body, {"Content-Type": "application/json", **given}])
        return int(self.exec(self.one("publisher"), "python", "-c", _POST, stdin=sent))

    def place_order(self, number: int) -> int:
        return self.post("http://127.0.0.1:8083/api/orders", order(), **headers(f"key-{number}"))

    def send_line(self) -> int:
        """To the collector, one for which no page of its queue has room."""
        record = {"body": {"stringValue": "x" * 100_000}}
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
        return self.post("http://otel-collector:4318/v1/logs", body)

    def commit_until_refused(self) -> int:
        """Notes of a megabyte, in a table that `FULL` has made; how many were committed."""
        for number in range(200):
            try:
                as_root(self, NOTE.format(number))
            except CommandFailed:
                return number
        raise AssertionError("nothing was refused")


@contextmanager
def stores_on_small_disks(folder: Path, name: str) -> Iterator[Stores]:
    """Nothing of it runs yet but the keeper. Everybody may write the configuration, as it is after
    a clone with umask 000 or on WSL."""
    copy = folder / "stores"
    shutil.copytree(ROOT / "stores", copy)
    for path in (*copy.iterdir(), copy, *copy.parents[:2]):
        path.chmod(0o777 if path.is_dir() else 0o666)
    project = Stores.beside(name)
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
        project.forget()

"""Each secret is its reader's alone, and without one nothing starts. Who mounts which volume is
checked in tests/conformance."""

import json
import subprocess
from collections.abc import Sequence

import pytest

from bootstrap.credentials import READERS
from tests.compose.project import ROOT, ComposeProject

# Everybody's secrets side by side: who owns each, and which of the other users can open it.
_EXAMINE = """
import json, os, stat, sys
users = json.loads(sys.argv[1])
def opens(path, user):
    if (child := os.fork()) == 0:
        os.setgroups([])
        os.setgid(4000)
        os.setuid(user)
        try:
            os.listdir(path) if os.path.isdir(path) else open(path).read()
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
found = {}
for folder, _, names in os.walk("/secrets"):
    for path in (folder, *(os.path.join(folder, name) for name in names)):
        state = os.stat(path)
        others = [user for user in users if user != state.st_uid and opens(path, user)]
        found[path.removeprefix("/secrets/")] = [state.st_uid, stat.S_IMODE(state.st_mode), others]
print(json.dumps(found))
"""


def test_only_its_reader_can_open_a_secret(project: ComposeProject) -> None:
    users = sorted({reader.user_id for reader in READERS})
    mounts = [
        part
        for reader in READERS
        for part in (
            "--volume",
            f"{project.volume(f'secrets-{reader.name}')}:/secrets/{reader.name}:ro",
        )
    ]
    found = project.probe(_EXAMINE, json.dumps(users), options=mounts)
    for reader in READERS:
        assert found[reader.name] == [reader.user_id, 0o500, []]
        for name in reader.files:
            assert found[f"{reader.name}/{name}"] == [reader.user_id, 0o400, []]
    expected = {f"{reader.name}/{name}" for reader in READERS for name in reader.files}
    assert {path for path in found if "/" in path.strip("/")} == expected


# The commands of the image and the settings that name their secrets.
STARTS = {
    "services.frontend": ["SESSION_SECRET"],
    "services.publisher": ["QUEUE_REDIS_URL"],
    "services.service_http": ["DATABASE_URL", "QUEUE_REDIS_URL", "CACHE_REDIS_URL"],
    "services.consumer": ["DATABASE_URL", "QUEUE_REDIS_URL", "CACHE_REDIS_URL"],
    "database upgrade": ["DATABASE_URL"],
    "database accounts": ["DATABASE_URL", "DATABASE_ACCOUNTS"],
    "housekeeping reconcile": ["DATABASE_URL", "QUEUE_REDIS_URL"],
}
# Each in a process that has imported everything already.
_START = """
import json, os, runpy, sys
import database.__main__, housekeeping.__main__
import services.consumer.app, services.frontend.app, services.publisher.app
import services.service_http.app
def start(command, names, path):
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.dup2(writing, 1), os.dup2(writing, 2), os.close(writing)
        os.environ.update({f"{name}_FILE": path for name in names})
        module, *arguments = command.split()
        sys.argv = [module, *arguments]
        sys.modules.pop(f"{module}.__main__", None)
        code = 0
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
        sys.stdout.flush(), sys.stderr.flush()
        # Without taking apart all that was imported.
        os._exit(1 if isinstance(code, str) else code or 0)
    os.close(writing)
    said = open(reading).read().strip()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said
print(json.dumps({
    f"{command}: {state}": start(command, names, path)
    for command, names in json.loads(sys.argv[1]).items()
    for state, path in (("missing", "/run/secrets/absent"), ("empty", "/dev/null"))
}), flush=True)
"""


def test_without_its_secret_nothing_starts(project: ComposeProject) -> None:
    """One clear line, which names the setting and never a secret."""
    found = project.probe(_START, json.dumps(STARTS), options=["--network", "none"])
    for command, names in STARTS.items():
        for state, why in (("missing", "No such file or directory"), ("empty", "it is empty")):
            code, said = found[f"{command}: {state}"]
            assert code != 0, command
            assert "\n" not in said, said
            assert any(f"{name}_FILE: cannot read" in said for name in names), said
            assert said.endswith(why), said


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_without_its_accounts_redis_refuses_to_start(project: ComposeProject, server: str) -> None:
    configuration = f"{ROOT}/stores/{server}-redis.conf:/etc/redis/redis.conf:ro"
    mounts = ["--volume", configuration, "--tmpfs", "/data", "--tmpfs", "/var/log/arloji"]
    command = [project.image_of(f"{server}-redis"), "sh", "-c"]
    start = "redis-server /etc/redis/redis.conf; code=$?; cat /var/log/arloji/redis.log; exit $code"
    code, said = attempt(["--user", "0:0", *mounts, *command, start])
    assert code not in (0, None)
    assert "ACL" in said


def test_without_a_root_password_mysql_makes_no_database(project: ComposeProject) -> None:
    options = ["--entrypoint", "bash", "--volume", f"{ROOT}/stores:/etc/arloji:ro"]
    code, said = attempt([*options, project.image_of("mysql"), "/etc/arloji/mysql-start.sh"])
    assert code not in (0, None)
    assert said.endswith("mysql does not start: root's secret cannot be read\n")


def attempt(arguments: Sequence[str]) -> tuple[int | None, str]:
    """Exit code and all that was said; None if it still runs after a while."""
    command = ["docker", "run", "--rm", "--network", "none", *arguments]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout

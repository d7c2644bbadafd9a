"""The servers themselves read the configuration that the stack gives them, and find no fault."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.compose.project import LEFT_OUT, ROOT, ComposeProject
from tests.compose.test_secrets import attempt
from tests.servers import free_port


@pytest.fixture(scope="module")
def checker(docker: None) -> ComposeProject:
    """Only for its commands: nothing of it is started."""
    return ComposeProject(f"arloji-check-{free_port()}")


@pytest.mark.parametrize("limit", ["on", "off"])
def test_nginx_accepts_its_configuration(checker: ComposeProject, limit: str) -> None:
    folder = ROOT / "ingress"
    mounts = {
        folder / "nginx.conf": "/etc/nginx/arloji.conf",
        folder / "conf": "/etc/nginx/arloji",
        folder / "rate-limit" / f"{limit}.conf": "/etc/nginx/arloji-rate-limit.conf",
    }
    volumes = [f"--volume={source}:{target}:ro" for source, target in mounts.items()]
    user = ("--user", "101:4000", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/log/arloji")
    command = ("nginx", "-e", "/dev/stderr", "-c", "/etc/nginx/arloji.conf", "-t", "-q")
    checker.run("docker", "run", "--rm", *user, *volumes, "nginx:1.30", *command)


def test_the_collector_accepts_its_configuration(checker: ComposeProject) -> None:
    volume = f"--volume={ROOT}/observability/collector:/etc/collector:ro"
    image = image_of(checker, "otel-collector")
    flags = ("validate", "--config", "/etc/collector/config.yaml")
    writable = ("--tmpfs", "/var/lib/otelcol:uid=10001")
    checker.run("docker", "run", "--rm", volume, *writable, image, *flags)


def test_vmalert_accepts_its_rules(checker: ComposeProject) -> None:
    volume = f"--volume={ROOT}/observability/alerts:/etc/alerts:ro"
    image = image_of(checker, "vmalert")
    checker.run("docker", "run", "--rm", volume, image, "-dryRun", "-rule=/etc/alerts/*.yaml")


@pytest.mark.parametrize("server", ["queue", "cache"])
def test_redis_accepts_its_configuration(checker: ComposeProject, server: str) -> None:
    """Started with all of it but the accounts and the log file, which are the stack's."""
    volume = f"--volume={ROOT}/stores/{server}-redis.conf:/etc/redis/redis.conf:ro"
    script = (
        "sed -e '/^aclfile/d' -e '/^logfile/d' /etc/redis/redis.conf > /tmp/redis.conf"
        " && redis-server /tmp/redis.conf --dir /tmp --daemonize yes > /dev/null"
        " && until redis-cli ping > /dev/null; do sleep 0.1; done"
        " && redis-cli config get '*' && redis-cli shutdown nosave"
    )
    options = ("--rm", "--network", "none", "--tmpfs", "/tmp", volume)
    said = checker.run("docker", "run", *options, "redis:8.0", "sh", "-c", script).splitlines()
    settings = dict(zip(said[::2], said[1::2], strict=False))
    durable = server == "queue"
    assert settings["appendonly"] == ("yes" if durable else "no")
    assert settings["appendfsync"] == "always" or not durable
    assert settings["maxmemory-policy"] == ("noeviction" if durable else "allkeys-lfu")
    assert int(settings["maxmemory"]) > 0


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: f"{text}\nmax_conections = 5\n", "unknown variable 'max_conections=5'"),
        (
            lambda text: f"{text}\nmax_connections = 200000\n",
            "'max_connections': unsigned value 200000 adjusted to 100000",
        ),
        (
            lambda text: text.replace("[mysqld]", "[mysql]"),
            "one section, [mysqld]; it has: [mysql]",
        ),
        (lambda text: "", "must have one section, [mysqld]; it has: none"),
    ],
    ids=["unknown", "adjusted", "another section", "empty"],
)
def test_mysql_refuses_settings_that_would_not_be_in_force(
    docker: None, tmp_path: Path, spoil: Callable[[str], str], why: str
) -> None:
    """The server would only write a line into a log that nobody reads, or none."""
    shutil.copytree(ROOT / "stores", tmp_path / "stores")
    settings = tmp_path / "stores" / "mysql.cnf"
    settings.write_text(spoil(settings.read_text()))
    options = [
        "--user",
        "0:0",
        "--entrypoint",
        "bash",
        "--volume",
        f"{settings.parent}:/etc/arloji",
    ]
    code, said = attempt([*options, "mysql:9.7", "/etc/arloji/mysql-start.sh"])
    assert code not in (0, None)
    assert said.startswith("mysql does not start: stores/mysql.cnf")
    assert why in said


@pytest.mark.parametrize("profile", ["telemetry", "minimal", "load", "telemetry,load"])
def test_compose_accepts_every_profile_as_it_is(checker: ComposeProject, profile: str) -> None:
    """Without the override of the tests."""
    described = json.loads(
        checker.compose(
            "config", "--format", "json", COMPOSE_FILE="compose.yaml", COMPOSE_PROFILES=profile
        )
    )
    services = set(described["services"])
    assert services >= {"ingress", "frontend", "api-gw", "service-http", "publisher", "consumer"}
    assert ("otel-collector" in services) == (profile != "minimal")
    assert ("load" in services) == ("load" in profile)
    assert services >= LEFT_OUT or profile == "minimal"


def image_of(project: ComposeProject, service: str) -> str:
    described = json.loads(project.compose("config", "--format", "json"))
    image: str = described["services"][service]["image"]
    return image

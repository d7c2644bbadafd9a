"""The servers themselves read the configuration that the stack gives them, and find no fault."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.free_port import free_port
from tests.compose.project import LEFT_OUT, ROOT, ComposeProject
from tests.compose.test_secrets import attempt


@pytest.fixture(scope="module")
def checker(docker: None) -> Iterator[ComposeProject]:
    """Only for its commands: nothing of it is started."""
    checker = ComposeProject(f"arloji-check-{free_port()}")
    yield checker
    checker.forget()


def test_nginx_accepts_its_configuration_without_limits(checker: ComposeProject) -> None:
    """With them it is started by the stack. The collector, vmalert and Alertmanager read theirs in
    tests/integration."""
    volume = f"--volume={ROOT}/ingress:/etc/nginx/arloji:ro"
    user = ("--user", "101:4000", "--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/log/arloji")
    settings = ("--env", "INGRESS_RATE_LIMIT=off", "--env", "ARLOJI_TRUSTED_PROXIES=::1/128")
    # All that starting does, but for the last word.
    script = "sed 's/^exec nginx /exec nginx -t -q /' /etc/nginx/arloji/start.sh | bash"
    image = checker.image_of("ingress")
    checker.run("docker", "run", "--rm", *user, *settings, volume, image, "bash", "-c", script)


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
    checker: ComposeProject, tmp_path: Path, spoil: Callable[[str], str], why: str
) -> None:
    """The server would only write a line into a log that nobody reads, or none."""
    shutil.copytree(ROOT / "stores", tmp_path / "stores")
    settings = tmp_path / "stores" / "mysql.cnf"
    settings.write_text(spoil(settings.read_text()))
    place = ("--volume", f"{settings.parent}:/etc/arloji")
    options = ("--user", "0:0", "--entrypoint", "bash", *place)
    code, said = attempt([*options, checker.image_of("mysql"), "/etc/arloji/mysql-start.sh"])
    assert code not in (0, None)
    assert said.startswith("mysql does not start: stores/mysql.cnf")
    assert why in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MYSQL_LOG_DESTINATION", "stderr"), ("MYSQL_ADMINISTRATOR_HOST", "%' IDENTIFIED BY ''; --")],
)
def test_mysql_refuses_a_variable_that_it_does_not_understand(
    checker: ComposeProject, variable: str, value: str
) -> None:
    """Neither is set here; manifests of Kubernetes set them."""
    options = ["--user", "0:0", "--entrypoint", "bash", "--env", f"{variable}={value}"]
    place = ["--volume", f"{ROOT / 'stores'}:/etc/arloji"]
    script = [checker.image_of("mysql"), "/etc/arloji/mysql-start.sh"]
    code, said = attempt([*options, *place, *script])
    assert code not in (0, None)
    assert f"mysql does not start: {variable} is " in said


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

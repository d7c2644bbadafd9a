"""One list names the services, and every place that has to know them agrees with it."""

import importlib
import re
import sys
from collections.abc import Mapping

import pytest
import yaml

from bootstrap.credentials import READERS
from contracts.services import SERVICE_NAMES, SERVICES, Service
from operations import rotate_secrets
from tests.conformance.test_imports import ROOT, imported_modules, source_files
from tools.alert_rules import __main__ as alert_rules

CONTAINERS = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Where a service has to be, and which are there, on which port.
PLACES: Mapping[str, Mapping[str, int]] = {
    "compose.yaml": {
        name: int(container["environment"]["PORT"])
        for name, container in CONTAINERS.items()
        if re.fullmatch(r"services\.\w+", str(container.get("command", [""])[-1]))
    },
    "k8s/base/services": {
        path.stem: port["containerPort"]
        for path in (ROOT / "k8s/base/services").glob("*.yaml")
        for one in yaml.safe_load_all(path.read_text())
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    },
    "README.md": {
        name: int(port)
        for name, port in re.findall(r"^\| `([\w-]+)` \| (\d+) \| [A-Z]", README, re.M)
    },
}


def test_every_folder_of_a_service_is_in_the_list() -> None:
    folders = {path.parent.name for path in ROOT.glob("services/*/__main__.py")}
    assert folders == {service.package for service in SERVICES}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_names_the_services_agrees_with_the_list(place: str) -> None:
    assert PLACES[place] == {service.name: service.port for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_bears_the_name_and_the_port_of_the_list(service: Service) -> None:
    settings = importlib.import_module(f"services.{service.package}.settings").Settings
    port = settings.model_fields["port"].get_default(call_default_factory=True)
    assert (settings.service_name, port) == (service.name, service.port)


def test_alert_rules_that_follow_from_a_table_are_what_their_generator_writes() -> None:
    assert alert_rules.main(["--check"]) == 0


def test_whoever_reads_secrets_gets_new_ones() -> None:
    """Jobs and servers read theirs anew at each run, or with the accounts."""
    by_other_means = {"housekeeping", "migrate", "accounts", "queue-redis", "cache-redis"}
    not_rotated = {"mysql", "grafana"}
    replaced = {*rotate_secrets.SERVICES, *rotate_secrets.EXPORTERS}
    assert {one.name for one in READERS} == replaced | by_other_means | not_rotated
    assert set(rotate_secrets.SERVICES) <= set(SERVICE_NAMES)


def test_operators_need_no_package() -> None:
    """`make upgrade` works with Docker and Python alone, before anything is installed."""
    names = ("prometheus", "services", "telemetry")
    light = {"contracts", *(f"contracts.{name}" for name in names)}
    files = source_files("operations", "bootstrap")
    files += [ROOT / "contracts" / f"{name}.py" for name in ("__init__", *names)]
    foreign = [
        f"{path.parent.name}/{path.name} imports {module}"
        for path in files
        for module in imported_modules(path)
        if (top := module.split(".")[0])
        not in {*sys.stdlib_module_names, "operations", "bootstrap"}
        and (top != "contracts" or module not in light)
    ]
    assert foreign == []

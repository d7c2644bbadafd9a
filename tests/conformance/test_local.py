"""The embedded run agrees with the services' settings, the contracts and the lock files."""

import importlib
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from database.settings import DatabaseSettings
from housekeeping.settings import HousekeepingSettings
from local.layout import ROOT, DataFolder
from local.plan import SERVICES, Plan
from local.redis_program import RedisProgram
from servicekit.embedded import PORTS, Ports
from servicekit.settings import InvalidSettings, ServiceSettings, read_settings
from services.consumer.settings import StoreSettings

PLAN = Plan(DataFolder(Path("var")), Ports(0), RedisProgram(Path("redis-server"), (7, 0)))
ELSEWHERE = replace(PLAN, folder=DataFolder(Path("/else?where/50%")), ports=Ports(1000))
COMMANDS = (DatabaseSettings, HousekeepingSettings, StoreSettings)
# What a default cannot know: a secret of this machine.
WITHOUT_DEFAULT = {"SESSION_SECRET_FILE"}


def settings_of(service: str) -> type[ServiceSettings]:
    module = importlib.import_module(f"services.{service.replace('-', '_')}.settings")
    settings: type[ServiceSettings] = module.Settings
    return settings


@pytest.mark.parametrize("plan", [PLAN, ELSEWHERE], ids=["usual", "elsewhere"])
@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_default_to_the_run_that_the_shell_means(
    service: str, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the service, and of commands that work on the same stores."""
    monkeypatch.setenv("ARLOJI_DATA", str(plan.folder.path))
    monkeypatch.setenv("ARLOJI_PORT_OFFSET", str(plan.ports.offset))
    (spec,) = [spec for spec in plan.services() if spec.name == service]
    for settings in (settings_of(service), *COMMANDS):
        defaults: dict[str, Any] = {
            name.upper(): field.get_default(call_default_factory=True)
            for name, field in settings.model_fields.items()
        }
        said = {
            name: (value, str(defaults[name]))
            for name, value in spec.environment.items()
            if name in defaults
        }
        assert {name: given for name, (given, default) in said.items() if given != default} == {}


def test_a_run_that_cannot_be_is_a_wrong_setting_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARLOJI_PORT_OFFSET", "many")
    with pytest.raises(InvalidSettings) as wrong:
        read_settings(HousekeepingSettings)
    assert wrong.value.lines == ("ARLOJI_PORT_OFFSET must be a number, not 'many'.",)


def test_the_plan_gives_no_service_a_name_that_none_reads() -> None:
    read = {
        name.upper() for service in SERVICES for name in settings_of(service).model_fields
    } | WITHOUT_DEFAULT
    given = {name for spec in PLAN.services() for name in spec.environment}
    assert {name for name in given - read if not name.startswith(("OTEL_", "PYTHON"))} == set()


def test_without_telemetry_no_page_links_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(PLAN, telemetry=False)
    (spec,) = [spec for spec in plan.services() if spec.name == "frontend"]
    for name, value in {**spec.environment, "SESSION_SECRET": "x" * 32}.items():
        if name not in WITHOUT_DEFAULT:
            monkeypatch.setenv(name, value)
    settings = settings_of("frontend")().model_dump()  # type: ignore[call-arg]
    assert settings["trace_url_template"] == settings["order_trace_url_template"] == ""


def test_every_port_is_used_once() -> None:
    assert len(set(PORTS.values())) == len(PORTS)
    assert set(SERVICES) < set(PORTS)


def test_what_the_shop_runs_on_is_part_of_what_the_tests_run_on() -> None:
    """`make run` and `make test` share an environment."""
    pins = {kind: pinned(kind) for kind in ("services", "local", "test")}
    assert pins["services"] <= pins["local"] <= pins["test"]


NAMES = (
    *("OPTIONS", "TESTS", "JOBS", "URL", "STEPS", "SECONDS", "USAGE", "WORKERS"),
    *("NAME", "ON", "UNDO"),
)
TARGETS = re.findall(r"^([a-z-]+): .*##", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("target", TARGETS)
def test_make_heeds_what_stands_on_its_command_line_and_nothing_else(target: str) -> None:
    def shown(*arguments: str) -> str:
        """The commands that it would run in a shell where other programs have the same names."""
        elsewhere = dict.fromkeys((*NAMES, "PYTHON", "VENV", "IN", "LIVE", "PARALLEL"), "foreign")
        return subprocess.run(
            ["make", "--dry-run", target, *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "MAKEFLAGS": "-e -k", **elsewhere},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    usual = shown()
    assert "foreign" not in usual
    named = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert named is not None
    for name in ("PYTHON", *NAMES):
        reads = f"$({name})" in named[1] or f"$({name})," in named[1]
        assert ("mine" in shown(f"{name}=mine")) >= reads


@pytest.mark.parametrize("kind", ["services", "local", "test", "redis", "lock"])
def test_every_locked_package_has_a_hash(kind: str) -> None:
    text = lock_file(kind)
    assert pinned(kind)
    assert len(re.findall(r"^[\w.\-\[\]]+==", text, re.M)) == len(
        re.findall(r"^[\w.\-\[\]]+==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.M)
    )


@pytest.mark.parametrize("kind", ["services", "local", "test", "redis", "lock"])
def test_lock_files_name_packages_and_no_place_to_get_them(kind: str) -> None:
    assert re.findall(r"://|--index|--extra|--find-links|@ ", lock_file(kind)) == []


def lock_file(kind: str) -> str:
    return (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8")


def pinned(kind: str) -> set[str]:
    """`name==version` of each, whatever machines it is for."""
    return set(re.findall(r"^([\w.\-]+==[\w.\-+!]+)", lock_file(kind), re.M))

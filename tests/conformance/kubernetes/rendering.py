"""`kubectl kustomize`, once per set and session."""

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.kubernetes.manifests import Manifests
from tests.conformance.kubernetes.sets import Set
from tools.go_programs.build import find_built

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"
# Stay behind whatever is added, as they say.
_LAST = ("zones", "release")


class RenderFailed(AssertionError):
    """The message is what kubectl printed."""


def kubectl() -> str:
    """The one that tools/ builds if it is there, else the machine's. Does not build it: that takes
    minutes, and a rendering half a second."""
    if (found := _find_kubectl()) is None:
        pytest.skip("needs kubectl, on PATH or from the cache of tools/go_programs")
    return found


@cache
def _find_kubectl() -> str | None:
    built = find_built("kubectl")
    return str(built) if built else shutil.which("kubectl")


def render_folder(folder: Path) -> str:
    """Also raises if it warns: a deprecated field is printed as a warning, not as an error."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        # A quarter of its time is spent on memory that is given back a moment later anyhow.
        env={**os.environ, "GOGC": "400"},
    )
    if done.returncode or done.stderr:
        raise RenderFailed(done.stderr or f"kubectl ended with {done.returncode}")
    return done.stdout


@cache
def render(one: Set) -> Manifests:
    """An overlay of k8s/overlays as it is, or with its list of components changed."""
    folder = K8S / "overlays" / one.overlay
    if one.added or one.removed:
        components, objects = _render_changed(folder, one)
    else:
        components, objects = components_of(folder), parse(render_folder(folder))
    if one.task:
        objects += parse(render_folder(K8S / "tasks" / one.task))
    return Manifests(objects, frozenset(components))


def components_of(folder: Path) -> list[str]:
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return [Path(each).name for each in said.get("components", ())]


def _render_changed(overlay: Path, one: Set) -> tuple[list[str], list[dict[str, Any]]]:
    names = components_of(overlay)
    assert set(one.removed) <= set(names), f"{one}: {names} has not all that is removed"
    assert not set(one.added) & set(names), f"{one}: {names} has some that is added"
    chosen = [name for name in [*names, *one.added] if name not in one.removed]
    components = sorted(chosen, key=lambda name: name in _LAST and 1 + _LAST.index(name))
    said = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    said["components"] = [f"../../components/{name}" for name in components]
    return components, render_text(yaml.safe_dump(said), overlay)


def render_text(kustomization: str, beside: Path | None = None) -> list[dict[str, Any]]:
    """What a file of k8s/overlays/<any> would give; with copies of the files of another folder."""
    with tempfile.TemporaryDirectory(prefix="arloji-") as scratch:
        folder = Path(scratch).resolve() / "mine"
        if beside:
            shutil.copytree(beside, folder)
        folder.mkdir(exist_ok=True)
        # Folders may be named from outside by relative paths alone.
        above = os.path.relpath(K8S.resolve(), folder)
        text = re.sub(r"(?m)^(\s*- )\.\./\.\./", rf"\g<1>{above}/", kustomization)
        (folder / "kustomization.yaml").write_text(text)
        return parse(render_folder(folder))


def parse(text: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [one for one in yaml.load_all(text, loader) if one]

"""`kubectl kustomize`, once per set and session."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.kubernetes.manifests import Manifests
from tools.go_programs.build import find_built

ROOT = Path(__file__).parents[3]
K8S = ROOT / "k8s"


class RenderFailed(AssertionError):
    """The message is what kubectl printed."""


@cache
def kubectl() -> str:
    """The one that tools/ builds if it is there, else the machine's. Does not build it: that takes
    minutes, and whoever renders should wait for half a second."""
    built = find_built("kubectl")
    found = str(built) if built else shutil.which("kubectl")
    if found is None:
        pytest.skip("needs kubectl: on PATH, or built by `python -m tools.cluster build`")
    return found


def render_folder(folder: Path) -> str:
    """Also raises if it warns: a deprecated field is printed as a warning, not as an error."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode or done.stderr:
        raise RenderFailed(done.stderr or f"kubectl ended with {done.returncode}")
    return done.stdout


@cache
def render(overlay: str, *components: str) -> Manifests:
    """An overlay of k8s/overlays with components of k8s/components put on it."""
    if not components:
        return Manifests(parse(render_folder(K8S / "overlays" / overlay)))
    with tempfile.TemporaryDirectory(prefix="arloji-") as scratch:
        folder = Path(scratch).resolve()
        (folder / "kustomization.yaml").write_text(_on_top(folder, overlay, components))
        return Manifests(parse(render_folder(folder)))


def _on_top(folder: Path, overlay: str, components: Sequence[str]) -> str:
    # Folders may be named from outside by relative paths alone.
    def relative(*parts: str) -> str:
        return os.path.relpath(K8S.joinpath(*parts).resolve(), folder)

    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [relative("overlays", overlay)],
            "components": [relative("components", name) for name in components],
        }
    )


def parse(text: str) -> list[dict[str, Any]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [one for one in yaml.load_all(text, loader) if one]

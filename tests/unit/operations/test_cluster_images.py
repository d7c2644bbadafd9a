"""Images reach a cluster by its own tool or by a registry, and the manifests then name them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from operations import cluster_images
from operations.cluster_images import IMAGES, main

Commands = Callable[..., list[str]]
BUILT = ["service", "housekeeping", "load", "grafana"]


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the component that names the images."""
    copy = Path(shutil.copy(cluster_images.RELEASE, tmp_path / "kustomization.yaml"))
    monkeypatch.setattr(cluster_images, "RELEASE", copy)
    monkeypatch.setattr(cluster_images, "ROOT", tmp_path)
    return copy


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, release: Path) -> Commands:
    """What a command runs, up to the one that fails, if one is to."""

    def run(
        *words: str, context: str = "", fails: str = "", missing: str = "", code: int = 0
    ) -> list[str]:
        ran: list[str] = []

        def record(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
            line = " ".join(command)
            if missing and command[0] == missing:
                raise FileNotFoundError(missing)
            said = {"kubectl": f"{context}\n", "git": "v1.4.0-3-g0123ABCD-dirty\n"}
            if command[0] not in said:
                ran.append(line)
            failed = bool(fails) and fails in line
            return subprocess.CompletedProcess(command, int(failed), said.get(command[0], ""), "")

        monkeypatch.setattr(subprocess, "run", record)
        assert main(list(words)) == code
        return ran

    return run


def built(version: str, *more: str) -> list[str]:
    return [
        " ".join(("docker build", *more, "--build-arg", f"VERSION={version}", "--tag", tag, *how))
        for name, how in IMAGES.items()
        for tag in [f"{name}:{version}"]
    ]


def named(release: Path) -> list[str]:
    """The lines of the `images` entry."""
    text = release.read_text(encoding="utf-8")
    return text.partition("images:\n")[2].partition("replacements:")[0].split("\n")[:-1]


@pytest.mark.parametrize(
    ("context", "last"),
    [
        ("kind-shop", "kind load docker-image {} --name shop"),
        ("k3d-shop", "k3d image import {} --cluster shop"),
        ("minikube", "minikube image load {}"),
    ],
)
def test_images_go_into_the_cluster_that_kubectl_speaks_to(
    commands: Commands, release: Path, context: str, last: str
) -> None:
    images = " ".join(f"arloji/{name}:local" for name in BUILT)
    assert commands("load", context=context) == [*built("local"), last.format(images)]
    local = [line for name in BUILT for line in (f"  - name: arloji/{name}", "    newTag: local")]
    assert named(release) == local


def test_images_go_into_k3s_as_a_file_that_its_containerd_reads(commands: Commands) -> None:
    *builds, save, imported = commands("load", "--cluster", "k3s", "--version", "try-2")
    assert builds == built("try-2")
    archive = save.split()[3]
    assert save.startswith(f"docker save --output {archive} arloji/service:try-2 ")
    assert imported.removeprefix("sudo ") == f"k3s ctr images import {archive}"
    assert not Path(archive).exists()


def test_a_cluster_that_is_not_known_is_asked_for(
    commands: Commands, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = release.read_text()
    assert commands("load", context="production", code=1) == []
    assert "name it by CLUSTER=" in capsys.readouterr().err
    assert release.read_text() == before


def test_a_push_tags_sends_and_names_every_image(commands: Commands, release: Path) -> None:
    registry = "registry.example.com:5000/shop"
    sent = [
        line
        for name in BUILT
        for image in [f"arloji/{name}:1.4.0"]
        for line in (
            f"docker tag {image} {registry}/{image}",
            f"docker push --quiet {registry}/{image}",
        )
    ]
    options = ("--registry", f"{registry}/", "--version", "1.4.0", "--platform", "linux/arm64")
    assert commands("push", *options) == [*built("1.4.0", "--platform", "linux/arm64"), *sent]
    assert named(release)[:3] == [
        "  - name: arloji/service",
        f"    newName: {registry}/arloji/service",
        '    newTag: "1.4.0"',
    ]
    # A second one replaces what the first has written, and all else stays.
    commands("push", "--registry", "other.example.com", "--version", "2")
    assert named(release)[1] == "    newName: other.example.com/arloji/service"
    original = cluster_images.IMAGES
    text = release.read_text()
    assert text.count("newName:") == text.count("newTag:") == len(original)
    assert "replacements:\n" in text
    assert text.startswith("# The one place that names the service image")


def test_a_push_without_a_version_takes_what_git_calls_these_files(
    commands: Commands, release: Path
) -> None:
    assert commands("push", "--registry", "r")[0].split()[3] == "VERSION=v1.4.0-3-g0123abcd-dirty"
    assert named(release)[2] == '    newTag: "v1.4.0-3-g0123abcd-dirty"'


@pytest.mark.parametrize("version", ["1.4.0_rc1", "V2", "-1", "1.", "x" * 41, "a/b"])
def test_a_version_that_no_object_can_be_named_by_is_refused(
    commands: Commands, version: str
) -> None:
    assert commands("push", "--registry", "r", f"--version={version}", code=1) == []


@pytest.mark.parametrize("fails", ["--target load", "docker push"])
def test_manifests_name_nothing_that_is_not_there(
    commands: Commands, release: Path, fails: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = release.read_text()
    commands("push", "--registry", "r", "--version", "3", fails=fails, code=1)
    assert "the manifests are as they were" in capsys.readouterr().err
    assert release.read_text() == before


def test_a_tool_that_is_missing_is_named(
    commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands("load", context="kind-shop", missing="kind", code=1)
    assert "there is no `kind` on this machine" in capsys.readouterr().err

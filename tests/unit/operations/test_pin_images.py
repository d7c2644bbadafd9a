"""On request digests replace tags, in a file that is the command's own."""

import json
from pathlib import Path

import pytest

from operations import pin_images
from operations.compose import ROOT, ComposeFailed
from operations.images import pinned_images

DIGEST = f"sha256:{'5' * 64}"
# A stack of nginx and the image that is built of the services.
SERVICES = {
    "ingress": {"image": "nginx:1.30.6"},
    "bootstrap": {"image": "arloji/service:local", "build": {"context": str(ROOT)}},
    "frontend": {"image": "arloji/service:local"},
}


@pytest.fixture
def override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "compose.override.yaml"
    monkeypatch.setattr(pin_images, "OVERRIDE", path)
    monkeypatch.setattr(pin_images, "compose", lambda *_: json.dumps({"services": SERVICES}))
    return path


def written(path: Path) -> object:
    return json.loads("".join(path.read_text().splitlines()[1:]))["services"]


def test_every_image_is_pinned_by_the_digest_of_its_tag(
    override: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pin_images, "docker", lambda *_: "[]")
    assert pin_images.main([]) == 1
    assert "has no digest: it was built here" in capsys.readouterr().out
    assert not override.exists()

    def docker(*arguments: str) -> str:
        repository = arguments[-1].partition(":")[0]
        return json.dumps([f"another/one@sha256:{'6' * 64}", f"{repository}@{DIGEST}"])

    monkeypatch.setattr(pin_images, "docker", docker)
    assert pin_images.main([]) == 0
    bases = {
        f"{name.upper()}_IMAGE": next(
            f"{image}@{DIGEST}" for image in pinned_images() if image.startswith(repository)
        )
        for name, repository in (("python", "python:"), ("mysql", "mysql:"), ("go", "golang:"))
    }
    assert written(override) == {
        "ingress": {"image": f"nginx:1.30.6@{DIGEST}"},
        "bootstrap": {"build": {"args": bases}},
    }


def test_the_file_goes_without_replacements_and_an_operators_own_is_not_touched(
    override: Path,
) -> None:
    pin_images.replace_images({"nginx:1.30.6": "nginx:1.30.7"})
    assert written(override) == {"ingress": {"image": "nginx:1.30.7"}}
    pin_images.replace_images({})
    assert not override.exists()
    override.write_text("services: {}\n")
    with pytest.raises(ComposeFailed, match="your own"):
        pin_images.replace_images({"nginx:1.30.6": "nginx:1.30.7"})
    assert override.read_text() == "services: {}\n"

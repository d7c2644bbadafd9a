"""Which images run: stand-ins say what they are, and digests replace tags on request."""

import json
from pathlib import Path

import pytest

from operations import pin_images
from operations.compose import ComposeFailed
from tools.offline_images.__main__ import WrongVersion, honest_name

ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'5' * 64}"


@pytest.mark.parametrize(
    ("image", "shown", "name"),
    [
        ("nginx:1.30.6", "nginx version: nginx/1.30.6", "nginx:1.30.6"),
        ("nginx:1.30.6", "nginx version: nginx/1.30.16", "nginx:1.30.16"),
        ("redis:8.0.6", "Redis server v=8.0.7 sha=00000000:0 malloc=jemalloc-5.3.1", "redis:8.0.7"),
        ("mysql:9.7.4", "/usr/sbin/mysqld  Ver 9.7.4-2 for Linux on x86_64", "mysql:9.7.4"),
        ("python:3.14.10-slim", "Python 3.14.11", "python:3.14.11-slim"),
        ("prom/x:v1.12.1", "node_exporter, version v1.12.1", "prom/x:v1.12.1"),
    ],
)  # fmt: skip
def test_a_stand_in_bears_the_version_that_it_is(image: str, shown: str, name: str) -> None:
    assert honest_name(image, shown) == name


@pytest.mark.parametrize("shown", ["nginx/1.31.0", "nginx/11.30.6", "nginx/1.3.6", "no version"])
def test_another_minor_version_gets_no_tag(shown: str) -> None:
    with pytest.raises(WrongVersion):
        honest_name("nginx:1.30.6", shown)


@pytest.fixture
def override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is written for a stack of nginx and the image that is built of the services."""
    services = {
        "ingress": {"image": "nginx:1.30.6"},
        "bootstrap": {"image": "arloji/service:local", "build": {"context": str(ROOT)}},
        "frontend": {"image": "arloji/service:local"},
    }
    path = tmp_path / "compose.override.yaml"
    monkeypatch.setattr(pin_images, "OVERRIDE", path)
    monkeypatch.setattr(pin_images, "compose", lambda *_: json.dumps({"services": services}))
    return path


def written(path: Path) -> object:
    return json.loads("".join(path.read_text().splitlines()[1:]))


def test_every_image_is_pinned_by_the_digest_of_its_tag(
    override: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def docker(*arguments: str) -> str:
        repository = arguments[-1].partition(":")[0]
        return json.dumps([f"another/one@sha256:{'6' * 64}", f"{repository}@{DIGEST}"])

    monkeypatch.setattr(pin_images, "docker", docker)
    assert pin_images.main([]) == 0
    python = next(image for image in pin_images.pinned_images() if image.startswith("python:"))
    assert written(override) == {
        "services": {
            "ingress": {"image": f"nginx:1.30.6@{DIGEST}"},
            "bootstrap": {"build": {"args": {"PYTHON_IMAGE": f"{python}@{DIGEST}"}}},
        }
    }


def test_what_was_built_here_cannot_be_pinned(
    override: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pin_images, "docker", lambda *_: "[]")
    assert pin_images.main([]) == 1
    assert "has no digest: it was built here" in capsys.readouterr().out
    assert not override.exists()


def test_without_replacements_the_file_goes(override: Path) -> None:
    pin_images.replace_images({"nginx:1.30.6": "nginx:1.30.7"})
    assert written(override) == {"services": {"ingress": {"image": "nginx:1.30.7"}}}
    pin_images.replace_images({})
    assert not override.exists()


def test_an_override_of_the_operators_own_is_not_touched(override: Path) -> None:
    override.write_text("services: {}\n")
    with pytest.raises(ComposeFailed, match="your own"):
        pin_images.replace_images({"nginx:1.30.6": "nginx:1.30.7"})
    assert override.read_text() == "services: {}\n"

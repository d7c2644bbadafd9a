"""Setting up with a real pip: habits of its user, by variables or by its files, do not matter;
where packages come from does."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from tools import environment

HABITS = {
    "user": "true",
    "require-virtualenv": "true",
    "no-binary": ":all:",
    "dry-run": "true",
    "ignore-installed": "true",
    "quiet": "3",
    "target": "{elsewhere}",
    "prefix": "{elsewhere}",
    "root": "{elsewhere}",
    "python": "/nowhere/python",
    "constraint": "/nowhere/constraints.txt",
    "log": "/nowhere/pip.log",
    "format": "freeze",
}


def tiny_wheel(folder: Path) -> str:
    """A package as small as can be; returns its line in a lock file."""
    path, about = folder / "arloji_tiny-1.0-py3-none-any.whl", "arloji_tiny-1.0.dist-info"
    files = {
        "arloji_tiny.py": "",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: arloji-tiny\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"arloji-tiny==1.0 \\\n    --hash=sha256:{digest}\n"


@pytest.mark.parametrize("said_by", ["variables", "files"])
def test_packages_come_from_the_users_index_and_go_where_we_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_by: str
) -> None:
    elsewhere, wheels = tmp_path / "elsewhere", tmp_path / "wheels"
    (tmp_path / "requirements").mkdir()
    wheels.mkdir()
    (tmp_path / "requirements" / "local.txt").write_text(tiny_wheel(wheels))
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(environment, "LOG", tmp_path / ".venv" / "install.log")
    sources = {"find-links": str(wheels), "no-index": "true"}
    habits = {name: value.format(elsewhere=elsewhere) for name, value in HABITS.items()}
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    if said_by == "variables":
        for name, value in (sources | habits).items():
            monkeypatch.setenv(f"PIP_{name.upper().replace('-', '_')}", value)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/nowhere/pip.conf")
        monkeypatch.setenv("PYTHONPATH", "/nowhere")
        monkeypatch.setenv("PYTHONWARNINGS", "error")
        monkeypatch.setenv("VIRTUAL_ENV", str(elsewhere))
    else:
        lines = [f"{name} = {value}\n" for name, value in habits.items()]
        text = ["[global]\n", *lines, "[install]\n", *(f"{n} = {v}\n" for n, v in sources.items())]
        (tmp_path / "pip.conf").write_text("".join(text))
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))

    environment.prepare("local")

    assert environment.is_current("local")
    subprocess.run([environment.python_of("local"), "-Ic", "import arloji_tiny"], check=True)
    assert not elsewhere.exists()

"""tools/environment.py makes the environment once per lock file, and never half."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import environment
from tools.environment import SetUpFailed, prepare, require_venv, stamp


class Installer:
    """Notes what would be done to a real environment."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = self.lies = False

    def create(self, home: Path) -> None:
        self.done.append("create" if home == environment.VENV else f"create {home.name}")
        shutil.rmtree(home, ignore_errors=True)
        python = home / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()

    def install(self, kind: str, python: Path) -> None:
        assert python.exists()
        if self.fails:
            raise KeyboardInterrupt
        self.done.append(f"install {kind}")
        if not self.lies:
            name, version = environment.lock_file(kind).read_text().split()[0].split("==")
            folder = python.parents[1] / "lib" / "python3.99" / "site-packages"
            (folder / f"{name.title()}-{version}.dist-info").mkdir(parents=True)

    def take(self) -> list[str]:
        done, self.done = self.done, []
        return done


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    (tmp_path / "requirements").mkdir()
    for kind in ("local", "test", "load"):
        (tmp_path / "requirements" / f"{kind}.txt").write_text(f"{kind}==1 \\\n  --hash=…\n")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    one = Installer()
    monkeypatch.setattr(environment, "create", one.create)
    monkeypatch.setattr(environment, "install", one.install)
    return one


def change_lock(kind: str) -> None:
    environment.lock_file(kind).write_text(f"{kind}==2 \\\n  --hash=…\n")


ANEW = ["create", "install local"]
CHANGES: dict[str, Callable[[], object]] = {
    "nothing": lambda: None,
    "lock": lambda: change_lock("local"),
    "load's lock": lambda: change_lock("load"),
    "packages gone": lambda: shutil.rmtree(environment.VENV / "lib"),
    "python gone": lambda: environment.python_of("local").unlink(),
}


@pytest.mark.parametrize(
    ("first", "change", "then", "done"),
    [
        ("local", "nothing", "local", []),
        ("local", "lock", "local", ANEW),
        ("local", "packages gone", "local", ANEW),
        ("local", "python gone", "local", ANEW),
        ("local", "nothing", "test", ["install test"]),  # a shop that runs from it must not lose it
        ("test", "nothing", "local", []),
        ("test", "nothing", "load", ["create load", "install load"]),
        ("load", "nothing", "load", []),
        ("test", "load's lock", "test", []),
        ("load", "load's lock", "load", ["create load", "install load"]),
    ],
)
def test_what_is_done_follows_from_what_is_there(
    installer: Installer, first: str, change: str, then: str, done: list[str]
) -> None:
    prepare(first)
    assert installer.take()[0].startswith("create")
    CHANGES[change]()
    prepare(then)
    assert installer.take() == done


def test_another_python_makes_it_anew(
    installer: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("local")
    installer.take()
    monkeypatch.setattr(environment.sys, "version", "3.99.0 (another one)")
    prepare("local")
    assert installer.take() == ANEW


def test_an_interrupted_installation_is_begun_anew(installer: Installer) -> None:
    installer.fails = True
    with pytest.raises(KeyboardInterrupt):
        prepare("local")
    assert not stamp("local").exists()
    installer.fails = False
    installer.take()
    prepare("local")
    assert installer.take() == ANEW


def test_nothing_is_stamped_that_is_not_there(installer: Installer) -> None:
    installer.lies = True
    with pytest.raises(SetUpFailed, match=r"local \(of 1\) cannot be found"):
        prepare("local")
    assert not stamp("local").exists()


def test_a_missing_venv_module_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_spec", lambda name: None if name == "ensurepip" else 1)
    sentence = r"\A.* has no ensurepip module.*apt install python3-venv.*\Z"
    with pytest.raises(SetUpFailed, match=sentence):
        require_venv()

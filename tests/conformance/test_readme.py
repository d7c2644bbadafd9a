"""What the documents name exists."""

import ast
import re
from pathlib import Path

import pytest

from contracts.services import SERVICES, Service

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if ".venv" not in path.parts
)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_linked_file_exists(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_file_named_as_code_exists(path: Path) -> None:
    names = re.findall(
        r"`((?:services|contracts|servicekit|database|local|housekeeping|tests|loadtest|benchmarks"
        r"|bootstrap|operations|docs|tools)"
        r"/[\w./-]+)(?:::[\w]+)?`",
        path.read_text(encoding="utf-8"),
    )
    assert [name for name in names if not (ROOT / name).exists()] == []


def commands_in(path: Path) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_mean_the_same_in_every_shell_that_they_are_pasted_into(path: Path) -> None:
    """A remark is none in an interactive zsh, and a quotation mark in it begins a quotation;
    patterns without a match, `!` and `{` are errors there; `=` begins a name."""
    for commands in commands_in(path):
        bare = re.sub(r"""'[^']*'|"[^"$`!\\]*"|\\\n""", "", commands)
        assert re.findall(r"[\"'`#?*!{}\[\]()<>;&~^|$]|(?<!\S)=", bare) == [], commands


def test_commands_are_given_in_blocks_that_are_looked_at() -> None:
    assert len([commands for path in DOCUMENTS for commands in commands_in(path)]) > 5
    fences = {
        word
        for path in DOCUMENTS
        for word in re.findall(r"^```(\w+)", path.read_text(encoding="utf-8"), re.M)
    }
    assert fences <= {"sh", "yaml", "json"}


def test_every_test_named_as_proof_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    proofs = re.findall(r"`(tests/[\w./-]+)::(\w+)`", text)
    assert proofs
    missing = [
        f"{file}::{name}"
        for file, name in proofs
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(r"(?:`|^|\s)make ([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    documents_speak = {name for name in named if name not in {"sure", "it", "the", "ids"}}
    assert documents_speak - targets == set()


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_readme_describes_each_service_in_its_own_words(service: Service) -> None:
    source = (ROOT / "services" / service.package / "__init__.py").read_text(encoding="utf-8")
    docstring = " ".join((ast.get_docstring(ast.parse(source)) or "").split())
    assert docstring
    assert docstring in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_to_read_first_is_as_short_as_it_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Reading the code\n")[2].partition("Then follow")[0]
    files = re.findall(r"^\d\. \[`([\w./]+)`\]", section, re.M)
    lines = sum(len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in files)
    stated = int(re.findall(r"(\d+) lines", section)[0])
    assert 0.8 * stated < lines <= stated


def test_the_architecture_names_every_folder_and_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)/` \|", page, re.M))
    not_ours = {"var", "__pycache__"}
    folders, packages = (
        {path.name for path in parent.iterdir() if path.is_dir() and path.name[0] != "."} - not_ours
        for parent in (ROOT, ROOT / "servicekit")
    )
    assert named == folders | packages

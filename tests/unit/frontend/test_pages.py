"""Pages are ready before the first guest comes."""

import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader
from pydantic import SecretStr

from services.frontend import templates_compiled
from services.frontend.resources import create_site
from services.frontend.settings import Settings
from services.frontend.templates_compiled import compile_templates, create_environment


def test_no_guest_waits_for_a_template_to_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    environments: list[Environment] = []
    load = FileSystemLoader.load
    loaded: list[str] = []

    def note(self: FileSystemLoader, environment: Environment, name: str, *rest: Any) -> Any:
        environments.append(environment)
        loaded.append(name)
        return load(self, environment, name, *rest)

    monkeypatch.setattr(FileSystemLoader, "load", note)
    create_site(Settings(session_secret=SecretStr("s" * 40))).pages.compile_templates()
    before = len(loaded)
    assert "catalogue.html" in loaded
    for name in environments[0].list_templates():
        environments[0].get_template(name)
    assert len(loaded) == before


def test_what_was_compiled_is_kept_as_python_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same options: those of another version are compiled anew. Where it cannot be kept,
    nothing is missing."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    compile_templates(create_environment(tmp_path))
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    compile_templates(create_environment(tmp_path / "missing"))
    compile_templates(create_environment(tmp_path))
    monkeypatch.setattr(Environment, "compile", None)
    compile_templates(create_environment(tmp_path))
    other = tmp_path / "templates_compiled.py"
    other.write_text("trim_blocks=False", encoding="utf-8")
    monkeypatch.setattr(templates_compiled, "_VERSIONED", other)
    with pytest.raises(TypeError):
        compile_templates(create_environment(tmp_path))

"""Pages are ready before the first guest comes."""

import pytest
from jinja2 import Environment
from pydantic import SecretStr

from services.frontend.resources import create_site
from services.frontend.settings import Settings


def test_no_guest_waits_for_a_template_to_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    environments: list[Environment] = []
    compile_it = Environment.compile
    compiled: list[str] = []

    def note(self: Environment, source: str, name: str, *rest: object, **more: object) -> object:
        environments.append(self)
        compiled.append(name)
        return compile_it(self, source, name, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", note)
    create_site(Settings(session_secret=SecretStr("s" * 40))).pages.compile_templates()
    before = len(compiled)
    assert "catalogue.html" in compiled
    for name in environments[0].list_templates():
        environments[0].get_template(name)
    assert len(compiled) == before

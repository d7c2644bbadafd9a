import ast
import sys
from pathlib import Path

import pytest

from servicekit import probes


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        (None, None, "http://127.0.0.1:8080/healthz"),
        ("", "", "http://127.0.0.1:8080/healthz"),
        ("0.0.0.0", "8081", "http://127.0.0.1:8081/healthz"),
        ("::", "8081", "http://[::1]:8081/healthz"),
        ("10.0.0.7", "8081", "http://10.0.0.7:8081/healthz"),
        ("fd00::7", "8081", "http://[fd00::7]:8081/healthz"),
    ],
)
def test_the_default_is_the_service_of_this_environment(
    monkeypatch: pytest.MonkeyPatch, host: str | None, port: str | None, url: str
) -> None:
    for name, value in (("HOST", host), ("PORT", port)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert probes.default_url("/healthz") == url


@pytest.mark.parametrize(
    "url", ["https://a/", "localhost:8080", "http://", "http://[::", "http://a:x/"]
)
def test_what_cannot_be_asked_is_a_failure_in_one_line(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert probes.main([url]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"{url}: ")
    assert output.err.count("\n") == 1


def test_it_needs_the_standard_library_only() -> None:
    """The image's health check starts every few seconds, in every container."""
    tree = ast.parse(Path(probes.__file__).read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names

"""Files and functions stay small enough to be read at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_CODE_LINES = 200
MAX_FUNCTION_LINES = 30
FOLDERS = (
    *(
        "alert_page",
        "benchmarks",
        "bootstrap",
        "contracts",
        "database",
        "housekeeping",
        "loadtest",
        "local",
    ),
    *("observability", "operations", "servicekit", "services", "tools", "watch_faces"),
)
# History, spelled out in full.
EXEMPT = ("database/migrations/versions/",)

FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not path.relative_to(ROOT).as_posix().startswith(EXEMPT)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_can_be_read_at_once(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(code) <= MAX_CODE_LINES
    long = {
        node.name: statement_lines(node)
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and statement_lines(node) > MAX_FUNCTION_LINES
    }
    assert long == {}


def statement_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body; the signature, the docstring and functions inside do not count."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    if not body:
        return 0
    inside = sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    )
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 - inside

import json

import pytest

import local.console
from local.console import LineRateLimiter, configure_terminal, printable, problem_in, say


def record(level: str, message: str, **more: str) -> str:
    return json.dumps({"level": level, "message": message, **more}) + "\n"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (record("WARNING", "lost queue"), "warning: lost queue"),
        (record("ERROR", "x", exception="Traceback\n  in\nKeyError: 1"), "error: x (KeyError: 1)"),
        (record("ERROR", "no KeyError: 1", exception="KeyError: 1"), "error: no KeyError: 1"),
        (record("CRITICAL", "gone"), "critical: gone"),
        (record("INFO", "listening"), None),
        ("\n", None),
        # A process that cannot start shows its error without the stack.
        ("Traceback (most recent call last):\n", None),
        ('  File "a.py"\n', None),
        ("ImportError: no b\n", "ImportError: no b"),
        # What is no log record is shown as it is,
        *((line, line) for line in ("[]", "7", '{"level": "ERROR"}', "{", '"text"')),
        # but it cannot move the cursor.
        (record("ERROR", "\x1b[2Jgone\r\nforged\u202e"), "error:  [2Jgone  forged "),
    ],
)
def test_a_log_line_becomes_at_most_one_line_of_the_terminal(line: str, shown: str | None) -> None:
    assert problem_in(line) == shown


def test_long_lines_are_cut() -> None:
    assert len(printable("x" * 10_000)) == 400


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1000, ["line 0", "line 1", "more", None, None]), (0, [f"line {n}" for n in range(5)])],
)
def test_a_flood_is_announced_once_and_then_silent_until_it_ends(
    seconds: float, shown: list[str | None]
) -> None:
    limiter = LineRateLimiter(lines=2, seconds=seconds)
    assert [limiter.admit(f"line {number}", "more") for number in range(5)] == shown


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "├─ “é” …"), ("latin-1", '|- "é" ...'), ("ascii", '|- "?" ...')],
)
def test_what_a_terminal_cannot_show_is_shown_by_a_lookalike_and_without_colour(
    encoding: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setattr(local.console, "terminal_encoding", lambda: encoding)
    say("demo", "├─ “é” …", "good")
    with open(1, "w", encoding="ascii", closefd=False) as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        configure_terminal()
        stdout.write("├─ “é” …\n")
        stdout.flush()
    assert capfdbinary.readouterr().out.decode(encoding) == f"demo          {shown}\n{shown}\n"

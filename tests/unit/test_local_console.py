import json

import pytest

import local.console
from local.console import LineRateLimiter, configure_terminal, printable, problem_in, say


def record(level: str, message: str, **more: str) -> str:
    return json.dumps({"level": level, "message": message, **more}) + "\n"


def test_warnings_and_worse_are_shown() -> None:
    assert problem_in(record("WARNING", "lost queue")) == "warning: lost queue"
    assert problem_in(record("ERROR", "x", exception="Traceback\n  in\nKeyError: 1")) == (
        "error: x (KeyError: 1)"
    )


def test_what_is_no_news_stays_in_the_log_file() -> None:
    assert problem_in(record("INFO", "listening")) is None
    assert problem_in("\n") is None


def test_a_process_that_cannot_start_shows_its_error_without_the_stack() -> None:
    lines = ["Traceback (most recent call last):\n", '  File "a.py"\n', "ImportError: no b\n"]
    assert [shown for line in lines if (shown := problem_in(line))] == ["ImportError: no b"]


@pytest.mark.parametrize("line", ["[]", "7", '{"level": "ERROR"}', "{", '"text"'])
def test_a_line_that_is_no_log_record_is_shown_as_it_is(line: str) -> None:
    assert problem_in(line) == line


def test_a_log_line_cannot_move_the_cursor() -> None:
    shown = problem_in(record("ERROR", "\x1b[2Jgone\r\nforged         \u202eline"))
    assert shown is not None
    assert shown.isprintable()
    assert "gone" in shown


def test_long_lines_are_cut() -> None:
    assert len(printable("x" * 10_000)) == 400


def test_a_flood_is_announced_once_and_then_silent() -> None:
    limiter = LineRateLimiter(lines=2, seconds=1000)
    shown = [limiter.admit(f"line {number}", "more") for number in range(5)]
    assert shown == ["line 0", "line 1", "more", None, None]


def test_a_flood_that_ended_is_forgotten() -> None:
    limiter = LineRateLimiter(lines=1, seconds=0)
    assert [limiter.admit("line", "more") for _ in range(3)] == ["line"] * 3


def test_without_a_terminal_there_is_no_colour(capfd: pytest.CaptureFixture[str]) -> None:
    say("frontend", "ready", "good")
    assert capfd.readouterr().out == "frontend      ready\n"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "├─ “é” …"), ("latin-1", '|- "é" ...'), ("ascii", '|- "?" ...')],
)
def test_what_a_terminal_has_no_sign_for_is_shown_by_one_like_it(
    encoding: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.setattr(local.console, "terminal_encoding", lambda: encoding)
    say("demo", "├─ “é” …")
    with open(1, "w", encoding="ascii", closefd=False) as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        configure_terminal()
        stdout.write("├─ “é” …\n")
        stdout.flush()
    assert capfdbinary.readouterr().out.decode(encoding) == f"demo          {shown}\n{shown}\n"

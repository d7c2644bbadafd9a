"""Lines in the terminal, each named after the part of the shop that it is about."""

import codecs
import io
import json
import locale
import os
import sys
import time
from contextlib import suppress

_RESET = "\x1b[0m"
_STYLES = {"good": "\x1b[32m", "bad": "\x1b[31m", "quiet": "\x1b[2m"}
_SHOWN_LEVELS = frozenset({"WARNING", "ERROR", "CRITICAL"})
_STACK = (" ", "Traceback (")
_MAX_LENGTH = 400

_LOOKALIKES = {
    **dict.fromkeys("│├", "|"),
    **dict.fromkeys("“”", '"'),
    **{"└": "`", "─": "-", "→": "->", "…": "..."},
}


def _transliterate(error: UnicodeError) -> tuple[str, int]:
    """For a terminal that does not have a character."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_LOOKALIKES.get(char, "?") for char in lost), error.end


codecs.register_error("transliterate", _transliterate)


def terminal_encoding() -> str:
    """As the locale says. PYTHONIOENCODING and Python's UTF-8 mode are not about the terminal."""
    name = locale.getencoding()
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "ascii"


def configure_terminal() -> None:
    """Let nothing that this program prints be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=terminal_encoding(), errors="transliterate")


def say(name: str, text: str, style: str = "") -> None:
    """Print one line, in one write: supervisors and launcher share the terminal."""
    coloured = style and sys.stdout.isatty() and "NO_COLOR" not in os.environ
    line = f"{name:<13} {text}"
    if coloured:
        line = f"{_STYLES[style]}{line}{_RESET}"
    with suppress(OSError):  # the terminal is gone; what must be known is in the log files
        os.write(sys.stdout.fileno(), f"{line}\n".encode(terminal_encoding(), "transliterate"))


def problem_in(line: str) -> str | None:
    """What a line of a service's log has for the terminal: warnings and worse, and whatever is
    no log record, such as the error of a process that could not start, without its stack."""
    try:
        record = json.loads(line)
        level, message = str(record["level"]), str(record["message"])
    except (ValueError, TypeError, KeyError):
        return None if line.startswith(_STACK) else printable(line.strip()) or None
    if level not in _SHOWN_LEVELS:
        return None
    exception = str(record.get("exception", "")).strip().rpartition("\n")[2]
    reason = f" ({exception})" if exception and exception not in message else ""
    return printable(f"{level.lower()}: {message}{reason}")


def printable(text: str) -> str:
    """One line that cannot move the cursor: logs may hold what strangers sent."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return clean if len(clean) <= _MAX_LENGTH else clean[: _MAX_LENGTH - 1] + "…"


class LineRateLimiter:
    """Admits so many lines per interval, so that a failing service does not flood the terminal."""

    def __init__(self, lines: int = 10, seconds: float = 5.0) -> None:
        self._lines, self._seconds = lines, seconds
        self._began, self._count = float("-inf"), 0

    def admit(self, text: str, instead: str) -> str | None:
        """`text`, or `instead` for the first one too many, or None for those after it."""
        now = time.monotonic()
        if now - self._began > self._seconds:
            self._began, self._count = now, 0
        self._count += 1
        if self._count <= self._lines:
            return text
        return instead if self._count == self._lines + 1 else None

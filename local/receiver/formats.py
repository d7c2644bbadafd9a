"""Numbers, times and ids as people read them; the templates' filters."""

import zlib
from datetime import UTC, datetime

from contracts.services import SERVICE_NAMES
from local.receiver.values import json_number

# The shop's own services keep their colours; any other takes one of the rest by its name.
COLOURS = 10
KINDS = ("", "internal", "server", "client", "producer", "consumer")
MAX_TEXT_LENGTH = 4000


def colour_of(service: str) -> int:
    if service in SERVICE_NAMES:
        return SERVICE_NAMES.index(service)
    others = COLOURS - len(SERVICE_NAMES)
    return len(SERVICE_NAMES) + zlib.crc32(service.encode(errors="replace")) % others


def kind_name(kind: int) -> str:
    return KINDS[kind] if 0 <= kind < len(KINDS) else ""


def moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def clock_time(time_ns: int) -> str:
    """Local to the machine that runs the receiver, which is the reader's own in most cases."""
    return moment(time_ns).astimezone().strftime("%H:%M:%S.%f")[:-3]


def full_time(time_ns: int) -> str:
    return moment(time_ns).isoformat(timespec="microseconds")


def duration(time_ns: float) -> str:
    magnitude = abs(time_ns)
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if magnitude >= scale:
            return f"{_short(time_ns / scale)} {unit}"
    return f"{time_ns:.0f} ns"


def quantity(value: float | int | None, unit: str) -> str:
    """A metric's value with its UCUM unit; annotations such as {order} are left out."""
    if value is None:
        return "—"
    number = json_number(value)
    if isinstance(number, str):
        return number
    if unit == "s":
        return duration(value * 1e9) if value else "0 s"
    if unit == "ms":
        return duration(value * 1e6) if value else "0 ms"
    if unit == "By":
        return byte_size(value)
    suffix = "" if unit in {"", "1"} or unit.startswith("{") else f" {unit}"
    return f"{_short(value)}{suffix}"


def byte_size(value: float | int) -> str:
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if abs(value) >= scale:
            return f"{_short(value / scale)} {unit}"
    return f"{_short(value)} B"


def _short(value: float | int) -> str:
    """Three significant digits for small numbers, all digits before the point for large ones."""
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if isinstance(value, int) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def clipped(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[:MAX_TEXT_LENGTH] + " …"

"""Figures with their units, as short as Grafana writes them."""

import math

_STEPS = {
    "bytes": (1024, ("B", "KiB", "MiB", "GiB", "TiB")),
    "decbytes": (1000, ("B", "kB", "MB", "GB", "TB")),
    "Bps": (1000, ("B/s", "kB/s", "MB/s", "GB/s")),
}
_RATES = {"reqps": "req/s", "ops": "ops/s", "cps": "/s", "rps": "rows/s"}


def bytes_between_ticks(low: float, high: float) -> int:
    """A power of two: round numbers of KiB and MiB are not those of ten."""
    return 1 << math.ceil(math.log2(max(high - low, 6) / 6))


def write(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "s":
        return _duration(value)
    if unit in _STEPS:
        base, names = _STEPS[unit]
        step = 0
        while abs(value) >= base and step < len(names) - 1:
            value, step = value / base, step + 1
        return f"{value:.3g} {names[step]}"
    return f"{_short(value)} {_RATES.get(unit, '')}".rstrip()


def _duration(seconds: float) -> str:
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}"
    return f"{seconds * 1000:.3g} ms"


def _short(value: float) -> str:
    for size, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if name == 'k' else size):.3g}{name}"
    return f"{value:.4g}"

"""Stacks that were seen, as a flame graph in SVG, and by the layer that they end in."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

# A stack from its outermost function, as `module:function`, and how often it was seen.
Stacks = Counter[tuple[str, ...]]

# The first prefix that fits the innermost function that any fits.
_LAYERS = (
    ("telemetry", ("servicekit.telemetry", "servicekit.database.sql_spans", "opentelemetry")),
    ("cache", ("servicekit.cache", "redis")),
    ("client and proxy", ("servicekit.http_client", "servicekit.http_proxy", "httpx")),
    ("admission, deadlines", ("servicekit.admission", "servicekit.deadline", "services.api_gw")),
    ("HTTP server", ("servicekit.http_server", "uvicorn")),
    ("routing and validation", ("fastapi", "starlette", "pydantic")),
    ("database", ("sqlalchemy", "servicekit.database", "database")),
    ("pages", ("services.frontend", "jinja2", "markupsafe", "watch_faces")),
    ("products", ("services.service_http",)),
)
_OTHER = "event loop and the rest"
_COLOURS = ("#c8553d", "#588b8b", "#f28f3b", "#8a6fb0", "#6a994e", "#c9a227", "#3d5a80", "#b56576")
_WIDTH, _ROW, _LEAST = 1200.0, 17, 1.0
_CHARACTER = 6.6


def layer_of(stack: tuple[str, ...]) -> str:
    for name in reversed(stack):
        for layer, prefixes in _LAYERS:
            if name.startswith(prefixes):
                return layer
    return _OTHER


@dataclass
class _Node:
    weight: float = 0.0
    inner: dict[str, "_Node"] = field(default_factory=dict)

    def add(self, stack: tuple[str, ...], weight: float) -> None:
        self.weight += weight
        if stack:
            self.inner.setdefault(stack[0], _Node()).add(stack[1:], weight)


def draw(title: str, costs: Mapping[str, float], stacks: Mapping[str, Stacks]) -> str:
    """As wide as it costs: one box for each function, its callers above it. A box says its
    name and its time where a mouse rests on it."""
    root = _Node()
    for service, seen in stacks.items():
        of_all = sum(seen.values()) or 1
        for stack, times in seen.items():
            root.add((service, *_shown(stack)), costs[service] * times / of_all)
    boxes: list[str] = []
    depth = _boxes(root, title, 0.0, 0, _WIDTH / (root.weight or 1), boxes)
    height, shown = (depth + 1) * _ROW, "\n".join(boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height}" '
        'font-family="monospace" font-size="11">\n'
        f'<rect width="100%" height="100%" fill="#fff"/>\n{shown}\n</svg>\n'
    )


def _shown(stack: tuple[str, ...]) -> tuple[str, ...]:
    """Without how the process was started."""
    for number, name in enumerate(stack):
        if name.startswith("asyncio.runners:Runner.run"):
            return stack[number + 1 :]
    return stack


def _boxes(node: _Node, name: str, left: float, depth: int, scale: float, boxes: list[str]) -> int:
    """Of a node and of what it called; returns the row of the deepest."""
    width = node.weight * scale
    if width < _LEAST:
        return depth
    boxes.append(_box(name, left, width, depth, node.weight))
    deepest, inner_left = depth, left
    for inner, one in sorted(node.inner.items()):
        deepest = max(deepest, _boxes(one, inner, inner_left, depth + 1, scale, boxes))
        inner_left += one.weight * scale
    return deepest


def _box(name: str, left: float, width: float, depth: int, milliseconds: float) -> str:
    colour = _COLOURS[sum(name.partition(":")[0].encode()) % len(_COLOURS)]
    text, fits = name.rpartition(":")[2], int(width / _CHARACTER)
    label = text if len(text) <= fits else f"{text[: fits - 1]}…" if fits > 3 else ""
    y = depth * _ROW
    shown = f'<text x="{left + 3:.1f}" y="{y + 12}" fill="#fff">{escape(label)}</text>'
    return (
        f"<g><title>{escape(name)}: {milliseconds:.3f} ms</title>"
        f'<rect x="{left:.1f}" y="{y}" width="{max(width - 0.5, 0.1):.1f}" height="{_ROW - 1}" '
        f'fill="{colour}"/>{shown if label else ""}</g>'
    )

"""Files that pages refer to, each under a name that changes with its content."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HASHED = re.compile(r"(?P<stem>[a-z]+)-[0-9a-f]{12}(?P<suffix>\.[a-z]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asset:
    """`address` is good for ever: another content has another address."""

    content: bytes
    media_type: str
    address: str


class Assets:
    """Everything in `static/`, read once."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        self._by_name = {path.name: _read(path) for path in sorted(folder.iterdir())}

    def url(self, name: str) -> str:
        """Raises KeyError for a file that is not there."""
        return self._by_name[name].address

    def find(self, name: str) -> Asset | None:
        """By plain name, or by one with a hash: during an upgrade a page of the other version
        may ask, and a newer style serves it better than none."""
        match = _HASHED.fullmatch(name)
        return self._by_name.get(f"{match['stem']}{match['suffix']}" if match else name)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:12]
    address = f"/static/{path.stem}-{digest}{path.suffix}"
    return Asset(content, _MEDIA_TYPES[path.suffix], address)

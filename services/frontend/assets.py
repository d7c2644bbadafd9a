"""Files that pages refer to, each under a name that changes with its content."""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from watch_faces import draw_coded_image, draw_image, drawing_version, write_code

_FOLDER = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HASHED = re.compile(r"(?P<stem>[a-z]+)-[0-9a-f]{12}(?P<suffix>\.[a-z]+)", re.ASCII)


# What a variant of a watch's image is called in its address.
_FACE, _DIAL = "face", "dial"
_FACES = "/static/watches"


@dataclass(frozen=True, slots=True)
class Asset:
    """`address` is good for ever: another content has another address."""

    content: bytes
    compressed: bytes
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
    return Asset(content, _compress(content), _MEDIA_TYPES[path.suffix], address)


def watch_url(face: str, *, hands: bool = True) -> str:
    """Where the image of a watch is. The address has all that is drawn, so that any replica can
    draw it; a change of the drawing code makes it another one."""
    variant = _FACE if hands else _DIAL
    return f"{_FACES}/{variant}-{drawing_version()}/{write_code(face)}.svg"


@lru_cache(maxsize=512)
def find_watch(variant: str, face: str) -> Asset | None:
    """None for a variant that does not exist; of an older version the same watch as it is drawn
    today. Pages from before codes ask for it by its instructions."""
    kind = variant.partition("-")[0]
    if kind not in (_FACE, _DIAL):
        return None
    draw = draw_image if "=" in face else draw_coded_image
    content = draw(face, hands=kind == _FACE)
    address = f"{_FACES}/{kind}-{drawing_version()}/"
    return Asset(content, _compress(content), _MEDIA_TYPES[".svg"], address)


def _compress(content: bytes) -> bytes:
    # No time in it: replicas answer alike.
    return gzip.compress(content, 9, mtime=0)

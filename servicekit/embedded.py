"""The embedded run that a shell selects: its folder by ARLOJI_DATA, its ports by
ARLOJI_PORT_OFFSET.

Launcher, services and every command take their defaults from here. Standard library only: the
launcher and its watchdogs are to stay small.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from contracts.services import SERVICES

PORTS = {
    **{service.name: service.port for service in SERVICES},
    "queue-redis": 8090,
    "cache-redis": 8091,
    "telemetry": 4318,
}


class InvalidRun(ValueError):
    """The variables select no run that is possible; the message is one sentence."""


@dataclass(frozen=True)
class Ports:
    """Every port moved by the same offset, so that two runs do not meet."""

    offset: int = 0

    @classmethod
    def from_text(cls, text: str) -> "Ports":
        try:
            offset = int(text)
        except ValueError:
            raise InvalidRun(f"ARLOJI_PORT_OFFSET must be a number, not {text!r}.") from None
        highest, lowest = max(PORTS.values()) + offset, min(PORTS.values()) + offset
        if lowest < 1 or highest > 65535:
            raise InvalidRun(
                f"ARLOJI_PORT_OFFSET={offset} leads to the ports {lowest} to {highest}, "
                "which do not all exist; take one between 0 and 57000."
            )
        return cls(offset)

    def __getitem__(self, name: str) -> int:
        return PORTS[name] + self.offset

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self[name]}"

    @property
    def cookie_suffix(self) -> str:
        """Browsers send the cookies of one run to the other too: they must differ."""
        return f"_{self['frontend']}" if self.offset else ""

    def redis_url(self, name: str) -> str:
        return f"redis://127.0.0.1:{self[name]}/0"


def read_ports(environment: Mapping[str, str] = os.environ) -> Ports:
    """Raises `InvalidRun`."""
    return Ports.from_text(environment.get("ARLOJI_PORT_OFFSET") or "0")


def read_data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    return Path(environment.get("ARLOJI_DATA") or "var")


def database_url(data: Path) -> str:
    path = str(data / "arloji.db")
    if "?" in path:  # which would end the path in a URL
        return f"sqlite:///file:{quote(path)}?uri=true"
    return f"sqlite:///{path}"


def audit_folder(data: Path) -> Path:
    return data / "audit"


def archive_folder(data: Path) -> Path:
    return data / "archive"


def backup_folder(data: Path) -> Path:
    return data / "backups"

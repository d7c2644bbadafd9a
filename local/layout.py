"""The data folder of one embedded run, and whether its ports can be had."""

import fcntl
import os
import resource
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from servicekit.embedded import Ports, audit_folder, database_url

ROOT = Path(__file__).parents[1]
# How long a new run waits for the children of one whose launcher was killed.
_PREVIOUS_RUN_SECONDS = 40
# A disk with less space is as good as full: the first migration alone takes half of it.
_MIN_FREE_BYTES = 4 * 1024 * 1024
_SECRET_BYTES = 32
# Of one process: the frontend under load, a connection for each client and each request behind.
_OPEN_FILES = 4096
_LEAST_OPEN_FILES = 256


class StartRefused(Exception):
    """The run cannot start as asked; the message is one sentence that says what to do."""


def require_open_files() -> None:
    """Raise the limit of open files that every child inherits, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if wanted < _LEAST_OPEN_FILES:
        raise StartRefused(
            f"A process may open {hard} files here, and the shop takes {_LEAST_OPEN_FILES}: start "
            f"it from a shell with a higher limit (`ulimit -n {_OPEN_FILES}`)."
        )
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def require_free(ports: Ports, names: Iterable[str]) -> None:
    for name in names:
        with socket.socket() as probe:
            # As the servers do: connections of a run that ended a moment ago do not matter.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", ports[name]))
            except OSError as error:
                raise StartRefused(
                    f"Port {ports[name]} (for {name}) cannot be used "
                    f"({(error.strerror or str(error)).lower()}): stop what listens there, or "
                    f"move every port with ARLOJI_PORT_OFFSET={ports.offset + 1000}."
                ) from None


@dataclass(frozen=True)
class DataFolder:
    path: Path

    @property
    def database(self) -> Path:
        return self.path / "arloji.db"

    @property
    def database_url(self) -> str:
        return database_url(self.path)

    @property
    def audit(self) -> Path:
        return audit_folder(self.path)

    @property
    def session_secret(self) -> Path:
        return self.path / "secrets" / "session"

    def redis(self, name: str) -> Path:
        return self.path / "redis" / name

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def pid(self, name: str) -> Path:
        return self.path / "run" / f"{name}.pid"

    @property
    def lock_file(self) -> Path:
        return self.path / "run" / "lock"

    def prepare(self) -> None:
        """Make every folder and the secret that is not there yet. All of it is for its owner
        only, since there are names and addresses in it."""
        with self._refusing():
            private = self._is_own()
            self.path.mkdir(parents=True, exist_ok=True)
            if private:
                with suppress(PermissionError):  # somebody else's, lent to us
                    self.path.chmod(0o700)
            for name in ("run", "log", "audit", "redis/queue", "redis/cache"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
            (self.path / "secrets").mkdir(mode=0o700, exist_ok=True)
            self._try_to_write()
            self._create_secret()

    def write_error(self) -> str | None:
        """Why the folder cannot be written to now; None if it can."""
        try:
            self._try_to_write()
        except OSError as error:
            return f"{self.path} cannot be written to ({_reason(error)})"
        return None

    def _try_to_write(self) -> None:
        # Permissions say little (root, read-only mounts, full disks, quotas); writing says it.
        with tempfile.TemporaryFile(dir=self.path / "run", buffering=0) as probe:
            left = _MIN_FREE_BYTES
            while left:
                left -= probe.write(bytes(left))

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StartRefused(
                f"The data folder {self.path} cannot be written to ({_reason(error)}): make it "
                "writable, or name another one with ARLOJI_DATA."
            ) from None

    def _is_own(self) -> bool:
        """New, empty, or of an older run. A folder with other things in it keeps its mode: only
        what the run puts there is private, by its umask."""
        return not self.path.exists() or self.lock_file.exists() or not any(self.path.iterdir())

    def _create_secret(self) -> None:
        secret = self.session_secret
        if secret.exists() and len(secret.read_bytes().strip(b"\0\n")) >= _SECRET_BYTES:
            return
        # Complete or absent: a run that is interrupted here must not leave half a secret, nor
        # may a power cut a moment later. Half of one, from wherever, signs nothing any more.
        descriptor, name = tempfile.mkstemp(dir=secret.parent)  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(descriptor)
        os.replace(name, secret)

    def lock(self, on_wait: Callable[[], None]) -> int:
        """Claim the folder; returns the descriptor that holds the claim until all that inherit
        it have closed it. What a killed run left is waited for, a living one is not."""
        with self._refusing():
            descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT, 0o644)
        deadline, announced = time.monotonic() + _PREVIOUS_RUN_SECONDS, False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip("\0\n ")
                if _is_running(owner) or time.monotonic() > deadline:
                    raise StartRefused(
                        f"The data folder {self.path} is in use by another run (process "
                        f"{owner or 'unknown'}): stop that one, or take another folder with "
                        "ARLOJI_DATA and other ports with ARLOJI_PORT_OFFSET."
                    ) from None
                if not announced:
                    on_wait()
                    announced = True
                time.sleep(0.1)
        with self._refusing():
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            # Of a machine that lost power: by now the numbers may be somebody else's.
            for stale in (self.path / "run").glob("*.pid*"):
                stale.unlink()
        return descriptor


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _is_running(pid: str) -> bool:
    if not pid.isdigit():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

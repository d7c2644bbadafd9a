"""Encryption to a public key by age or GnuPG: whoever takes backups cannot read them."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from housekeeping.failures import CouldNot
from housekeeping.secret_files import secret_file

Method = Literal["none", "age", "gpg"]
_ENDINGS: dict[Method, str] = {"none": "", "age": ".age", "gpg": ".gpg"}
_PGP, _PGP_SECRET = "-----BEGIN PGP PUBLIC KEY", "-----BEGIN PGP PRIVATE KEY"
_AGE, _AGE_SECRET = ("age1", "ssh-"), ("AGE-SECRET-KEY-", "-----BEGIN OPENSSH PRIVATE KEY")
_GPG = ("gpg", "--batch", "--quiet", "--no-tty", "--trust-model", "always")


@dataclass(frozen=True)
class Encryption:
    """`recipient` is a public key as text; none, no encryption."""

    recipient: str

    @property
    def method(self) -> Method:
        return _method(self.recipient, _AGE, _PGP, "BACKUP_RECIPIENT")

    @property
    def ending(self) -> str:
        return _ENDINGS[self.method]

    @contextmanager
    def into(self, file: IO[bytes]) -> Iterator[IO[bytes]]:
        """What is written comes into the file encrypted."""
        if self.method == "none":
            yield file
        elif self.method == "age":
            with secret_file(self.recipient) as (key, descriptor):
                command = ["age", "--encrypt", "--recipients-file", key]
                with _filtered_into(command, file, [descriptor]) as target:
                    yield target
        else:
            with _gpg_home(self.recipient) as home, secret_file(self.recipient) as (key, number):
                command = [*_GPG, "--homedir", home, "--recipient-file", key]
                # Compressed already.
                command += ["--compress-algo", "none", "--encrypt"]
                with _filtered_into(command, file, [number]) as target:
                    yield target


@dataclass(frozen=True)
class Decryption:
    """`identity` is a private key as text; without it only what is not encrypted can be read."""

    identity: str

    def can_read(self, method: Method) -> bool:
        mine = _method(self.identity, _AGE_SECRET, _PGP_SECRET, "BACKUP_IDENTITY")
        return method in ("none", mine)

    @contextmanager
    def out_of(self, file: IO[bytes], name: str) -> Iterator[IO[bytes]]:
        if name.endswith(_ENDINGS["age"]):
            with (
                secret_file(self.identity) as (key, descriptor),
                _filtered_from(
                    ["age", "--decrypt", "--identity", key], file, [descriptor]
                ) as source,
            ):
                yield source
        elif name.endswith(_ENDINGS["gpg"]):
            with (
                _gpg_home(self.identity) as home,
                _filtered_from([*_GPG, "--homedir", home, "--decrypt"], file, []) as source,
            ):
                yield source
        else:
            yield file


def _method(key: str, age: tuple[str, ...], pgp: str, variable: str) -> Method:
    # A file of age's may begin with remarks.
    lines = [line for line in key.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return "none"
    if lines[0].startswith(age):
        return "age"
    if lines[0].startswith(pgp):
        return "gpg"
    raise CouldNot(f"{variable} is neither a key of age nor an armoured key of OpenPGP")


@contextmanager
def _gpg_home(key: str) -> Iterator[str]:
    """A key ring of this key alone, gone afterwards with the agent that GnuPG starts for it."""
    with tempfile.TemporaryDirectory(prefix="arloji-gpg-") as home:
        done = subprocess.run(
            [_program("gpg"), *_GPG[1:], "--homedir", home, "--import"],
            input=key.encode(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise CouldNot(f"GnuPG does not take the key: {_last_line(done.stderr)}")
        try:
            yield home
        finally:
            if Path(home, "S.gpg-agent").exists() and (stop := shutil.which("gpgconf")):
                subprocess.run([stop, "--homedir", home, "--kill", "all"], check=False)


@contextmanager
def _filtered_into(
    command: Sequence[str], file: IO[bytes], descriptors: Sequence[int]
) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [_program(command[0]), *command[1:]],
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=complaints,
            pass_fds=descriptors,
        )
        assert process.stdin is not None
        try:
            yield process.stdin
            process.stdin.close()
        except BrokenPipeError:
            pass  # its own complaint says why
        except BaseException:
            process.kill()
            process.wait()
            raise
        _require_success(process, command[0], complaints)


@contextmanager
def _filtered_from(
    command: Sequence[str], file: IO[bytes], descriptors: Sequence[int]
) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [_program(command[0]), *command[1:]],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=complaints,
            pass_fds=descriptors,
        )
        assert process.stdout is not None
        try:
            yield process.stdout
            # Read to its end, or it would be told apart from an error by nobody.
            while process.stdout.read(1 << 16):
                pass
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()
        _require_success(process, command[0], complaints)


def _require_success(process: subprocess.Popen[bytes], name: str, complaints: IO[bytes]) -> None:
    if process.wait():
        complaints.seek(0)
        raise CouldNot(f"{name} failed: {_last_line(complaints.read())}")


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"


def _program(name: str) -> str:
    found = shutil.which(name, path=os.defpath) or shutil.which(name)
    if found is None:
        raise CouldNot(f"{name} is not installed, and backups are to be encrypted with it")
    return found

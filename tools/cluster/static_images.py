"""Images of one static program each, without Docker: an archive as `docker save` writes it."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_ARCHITECTURES: Mapping[str, str] = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(
    target: Path, name: str, program: Path, command: Sequence[str], user_id: int = 65532
) -> str:
    """The program becomes `/<its name>`. Returns the image's id, as Docker would call it."""
    layer = _layer(program)
    config = json.dumps(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": list(command), "User": f"{user_id}:{user_id}"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        }
    ).encode()
    files = {"layer.tar": layer, f"{_digest(config)}.json": config}
    manifest = [{"Config": f"{_digest(config)}.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as archive:
        for file, content in {**files, "manifest.json": json.dumps(manifest).encode()}.items():
            _add(archive, file, content, 0o644)
    return f"sha256:{_digest(config)}"


def _layer(program: Path) -> bytes:
    """Always the same bytes for the same program: its time is not in it."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        _add(archive, program.name, program.read_bytes(), 0o755)
    return written.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

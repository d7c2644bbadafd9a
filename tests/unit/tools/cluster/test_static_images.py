"""An image of one program, as `docker save` would have written it."""

import hashlib
import json
import tarfile
from pathlib import Path

from tools.cluster.static_images import write_archive


def read(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def test_an_archive_names_its_image_and_what_it_runs(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_bytes(b"a program")
    identity = write_archive(tmp_path / "x.tar", "arloji/server:1", program, ["/server", "-x"], 7)
    files = read(tmp_path / "x.tar")
    (image,) = json.loads(files["manifest.json"])
    assert image["RepoTags"] == ["arloji/server:1"]
    config = files[image["Config"]]
    assert identity == f"sha256:{hashlib.sha256(config).hexdigest()}"
    described = json.loads(config)
    assert described["config"] == {"Entrypoint": ["/server", "-x"], "User": "7:7"}
    (layer,) = image["Layers"]
    digest = hashlib.sha256(files[layer]).hexdigest()
    assert described["rootfs"] == {"type": "layers", "diff_ids": [f"sha256:{digest}"]}


def test_the_program_is_executable_and_alone(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_bytes(b"a program")
    write_archive(tmp_path / "x.tar", "arloji/server:1", program, ["/server"])
    (tmp_path / "layer.tar").write_bytes(read(tmp_path / "x.tar")["layer.tar"])
    with tarfile.open(tmp_path / "layer.tar") as layer:
        (member,) = layer.getmembers()
    assert (member.name, member.mode) == ("server", 0o755)


def test_the_same_program_is_the_same_image_and_another_is_not(tmp_path: Path) -> None:
    identities = []
    for content in (b"one", b"one", b"two"):
        program = tmp_path / "server"
        program.write_bytes(content)
        identities.append(write_archive(tmp_path / "x.tar", "a:1", program, ["/server"]))
    assert identities[0] == identities[1] != identities[2]

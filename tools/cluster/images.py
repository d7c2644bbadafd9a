"""Images of manifests, brought from Docker into a node's store under the names that they have."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tools.cluster.containerd import PAUSE_IMAGE, Containerd
from tools.cluster.packages import busybox
from tools.cluster.processes import ClusterFailed, run
from tools.cluster.static_images import write_archive

OWN = ("arloji/service", "arloji/housekeeping")


def images_in(manifests: Iterable[Any]) -> list[str]:
    """Those of all pods that these objects make, init containers included."""
    return sorted({image for manifest in manifests for image in _images(manifest)})


def _images(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("containers", "initContainers"):
                yield from (container["image"] for container in one or ())
            else:
                yield from _images(one)
    elif isinstance(value, list):
        for one in value:
            yield from _images(one)


def full_name(image: str) -> str:
    """As containerd calls it: Docker leaves its own registry out."""
    first, slash, _ = image.partition("/")
    if slash and re.search(r"[.:]|^localhost$", first):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def load(store: Containerd, images: Sequence[str]) -> list[str]:
    """Those that the store does not have as Docker has them now; returns what was loaded. Without
    Docker the store must have them all."""
    here = store.images()
    wanted = {image: _docker_id(image) for image in images}
    missing = [
        image for image, identity in wanted.items() if not identity and full_name(image) not in here
    ]
    if missing:
        raise ClusterFailed(
            f"neither Docker nor the node has {', '.join(missing)}: `make images-offline` builds "
            "what is pinned, `make cluster` the shop's own where Docker runs"
        )
    loaded = [
        image
        for image, identity in wanted.items()
        if identity and here.get(full_name(image)) != identity
    ]
    if loaded:
        _pipe(["docker", "save", *loaded], store.command("images", "import", "-"))
        for image in loaded:
            store.mark(full_name(image), wanted[image])
    return loaded


def name_again(store: Containerd, release: str, name: str) -> None:
    """The shop's own images of a release under the tag of another."""
    for image in OWN:
        old, new = (full_name(f"{image}:{tag}") for tag in (release, name))
        store.ctr("images", "tag", "--force", old, new)


def load_program(
    store: Containerd, image: str, program: Path, command: Sequence[str], user_id: int = 65532
) -> None:
    """An image of one static program."""
    with tempfile.TemporaryDirectory(prefix="arloji-image-") as folder:
        archive = Path(folder) / "image.tar"
        identity = write_archive(archive, image, program, command, user_id)
        if store.images().get(full_name(image)) != identity:
            store.ctr("images", "import", str(archive))
            store.mark(full_name(image), identity)


def load_pause(store: Containerd) -> None:
    load_program(store, PAUSE_IMAGE, busybox(), ["/busybox", "sleep", "2147483647"])


def docker_answers() -> bool:
    """Without it, the nodes run what they were given before."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def build_own(root: Path, tag: str) -> None:
    """The shop's images, and the receiver that stands where traces are stored in the overlay of the
    tests."""
    for image in OWN:
        target = image.rpartition("/")[2]
        _build(root, f"--target={target}", f"--tag={image}:{tag}", f"--build-arg=VERSION={tag}")
    file = f"--file={root / 'tests/cluster/receiver.Dockerfile'}"
    base = f"--build-arg=SERVICE=arloji/service:{tag}"
    _build(root / "local", "--tag=arloji/receiver:local", file, base)


def build_load(root: Path) -> None:
    """The generator's image, as the component load-test names it in a checkout."""
    _build(root, "--target=load", "--tag=arloji/load:local")


def _build(context: Path, *arguments: str) -> None:
    run(["docker", "build", "--quiet", *arguments, context], timeout=1200)


def _docker_id(image: str) -> str:
    """Empty if Docker does not have it, or is not there."""
    if shutil.which("docker") is None:
        return ""
    shown = subprocess.run(
        ["docker", "image", "inspect", image, "--format", "{{.Id}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip() if shown.returncode == 0 else ""


def _pipe(writer: Sequence[str], reader: Sequence[str | Path]) -> None:
    with subprocess.Popen(writer, stdout=subprocess.PIPE) as first:
        run_from = subprocess.run(
            reader, stdin=first.stdout, capture_output=True, text=True, check=False
        )
    if first.returncode or run_from.returncode:
        raise ClusterFailed(f"{' '.join(writer)} | ctr images import: {run_from.stderr[-2000:]}")

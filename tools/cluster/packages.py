"""Programs from Debian packages that a node needs and this machine need not have: unpacked into
the cache, not installed."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.cluster.processes import ClusterFailed, run
from tools.go_programs.build import cache_folder

# The CNI plugins, and a static program that does nothing: the pause of a pod.
PACKAGES = ("containernetworking-plugins", "busybox-static")


def unpacked() -> Path:
    """The folder with what is in them, as if it were `/`."""
    key = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:16]
    folder = cache_folder() / "cluster" / f"packages-{key}"
    if not folder.exists():
        _download(folder)
    return folder


def cni_plugins() -> Path:
    return unpacked() / "usr/lib/cni"


def busybox() -> Path:
    return unpacked() / "bin/busybox"


def _download(folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise ClusterFailed(f"needs apt-get, or the packages {' '.join(PACKAGES)} in {folder}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        # apt-get downloads as a user of its own if it may write here.
        Path(scratch).chmod(0o755)
        download = ["apt-get", "download", "-q", *PACKAGES]
        if subprocess.run(download, cwd=scratch, capture_output=True, check=False).returncode:
            run(["apt-get", "update", "-q"])
            subprocess.run(download, cwd=scratch, capture_output=True, check=True)
        for package in Path(scratch).glob("*.deb"):
            run(["dpkg", "-x", package, Path(scratch) / "root"])
        (Path(scratch) / "root").replace(folder)

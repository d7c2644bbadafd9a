"""The Debian image beneath all stand-ins: unstable, since it has the versions that are pinned."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.commands import BuildFailed, run
from tools.offline_images.docker import recipe_of

IMAGE = "arloji-offline/base"
SUITE = "unstable"
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP_CONFIGURATION = Path("/etc/pip.conf")
_LEFT_OUT = (
    "./var/cache/apt/archives",
    "./var/lib/apt/lists",
    "./usr/share/doc",
    "./usr/share/man",
)
_APT_CONFIGURATION = """\
APT::Install-Recommends "false";
Acquire::Check-Valid-Until "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
"""


def ensure_base() -> str:
    """Build the base unless it is here; returns its recipe, a part of every stand-in's."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    if recipe_of(IMAGE) != recipe:
        _build(recipe)
    return recipe


def _build(recipe: str) -> None:
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        raise BuildFailed("the Debian base needs root and the package `debootstrap`")
    with tempfile.TemporaryDirectory(prefix="arloji-base-") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates,busybox"]
        run([*command, SUITE, root, *_mirror()])
        _configure(root)
        archive = Path(folder) / "base.tar"
        excluded = [f"--exclude={path}/*" for path in _LEFT_OUT]
        run(["tar", "--create", "--file", archive, "--directory", root, *excluded, "."])
        run(["docker", "import", "--change", f"LABEL arloji.recipe={recipe}", archive, IMAGE])


def _mirror() -> list[str]:
    """The Debian mirror that this machine is configured for; debootstrap's default without one."""
    if shutil.which("apt-get") is None:
        return []
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE) $(ORIGIN) $(CODENAME) $(COMPONENT)"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    for line in listed.splitlines():
        site, origin, *_ = line.split()
        if origin == "Debian" and "security" not in site:
            return [site]
    return []


def _configure(root: Path) -> None:
    """Give it this machine's way to its package indexes: certificates and pip's settings."""
    (root / "etc/apt/apt.conf.d/90offline").write_text(_APT_CONFIGURATION)
    if _CERTIFICATES.is_dir():
        shutil.copytree(_CERTIFICATES, root / str(_CERTIFICATES)[1:], dirs_exist_ok=True)
    if _BUNDLE.exists():
        shutil.copyfile(_BUNDLE, root / str(_BUNDLE)[1:])
    if _PIP_CONFIGURATION.exists():
        shutil.copyfile(_PIP_CONFIGURATION, root / str(_PIP_CONFIGURATION)[1:])

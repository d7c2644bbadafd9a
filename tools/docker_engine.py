"""`python -m tools.docker_engine start|stop`: a Docker engine with compose for machines that have
the `docker.io` package and nothing running, as CI has. An engine that runs already is used, and
never stopped."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.commands import BuildFailed, run
from tools.go_programs.build import cache_folder
from tools.offline_images import base

PLUGINS = {"compose": "docker-compose", "buildx": "docker-buildx"}
_START_SECONDS = 60
_STATE = Path(tempfile.gettempdir()) / "arloji-docker-engine"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.docker_engine", description=__doc__)
    parser.add_argument("command", choices=["start", "stop"])
    try:
        if parser.parse_args(arguments).command == "start":
            start()
            install_plugins()
        else:
            stop()
    except (BuildFailed, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def start() -> None:
    """Start dockerd and wait until it answers, unless one answers already."""
    if _answers():
        print("a Docker engine runs already")
        return
    program = shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        raise BuildFailed("needs root and `dockerd` (Debian's docker.io)")
    # node-exporter watches the host's mounts as they come and go.
    subprocess.run(["mount", "--make-shared", "/"], check=False)
    _STATE.mkdir(exist_ok=True)
    data = cache_folder() / "docker"
    with (_STATE / "dockerd.log").open("ab") as log:
        process = subprocess.Popen(
            [program, "--data-root", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (_STATE / "pid").write_text(str(process.pid))
    deadline = time.monotonic() + _START_SECONDS
    while not _answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise BuildFailed(f"dockerd did not start: see {_STATE / 'dockerd.log'}")
        time.sleep(0.2)
    print(f"dockerd started (pid {process.pid})")


def stop() -> None:
    """Stop the engine that `start` has started."""
    pid_file = _STATE / "pid"
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    pid_file.unlink()
    try:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.2)
    except ProcessLookupError:
        print("dockerd stopped")


def _answers() -> bool:
    done = subprocess.run(["docker", "info"], capture_output=True, check=False)
    return done.returncode == 0


def install_plugins() -> None:
    """compose and buildx for the docker command: Debian 12 packages neither, its successor does."""
    missing = [package for name, package in PLUGINS.items() if not _has_plugin(name)]
    if not missing:
        return
    base.ensure_base()
    target = Path.home() / ".docker" / "cli-plugins"
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="arloji-plugins-") as folder:
        script = f"apt-get update -q && cd /packages && apt-get download {' '.join(missing)}"
        container = ["docker", "run", "--rm", "--volume", f"{folder}:/packages", base.IMAGE]
        run([*container, "sh", "-c", script])
        for package in Path(folder).glob("*.deb"):
            run(["dpkg", "-x", package, Path(folder) / "root"])
        for plugin in Path(folder).glob("root/usr/**/cli-plugins/docker-*"):
            shutil.copy2(plugin, target / plugin.name)
            print(f"{plugin.name} installed")


def _has_plugin(name: str) -> bool:
    done = subprocess.run(["docker", name, "version"], capture_output=True, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

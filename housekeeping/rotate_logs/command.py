"""Rename, compress and remove the log files of nginx, MySQL or a Redis, by logrotate.

Each day, or before that once a file has 256 MB; gone after 90 days. A file is renamed, never
copied or cut, so that no line is lost: a Redis opens it for each line, nginx and MySQL open a new
one within seconds (ingress/start.sh, stores/mysql-start.sh). It runs as the writer's own user.
Call it every hour: logrotate knows whose turn it is.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from housekeeping.failures import CouldNot
from housekeeping.lock import locked
from housekeeping.result import add_json_argument, human_size, show
from housekeeping.settings import HousekeepingSettings

_NAME = "rotate-logs"
_HERE = Path(__file__).parent
_WRITERS = ("nginx", "mysql", "redis")
_STATE = ".rotation-state"
_SECONDS = 1800


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("writer", choices=_WRITERS, help="whose log files these are")
    parser.add_argument("folder", type=Path, help="where they are")
    parser.add_argument("--force", action="store_true", help="whether it is their turn or not")
    parser.add_argument("--dry-run", action="store_true", help="say what logrotate would do")
    add_json_argument(parser)


def run(options: argparse.Namespace, settings: HousekeepingSettings) -> int:
    folder = options.folder.resolve()
    if not folder.is_dir():
        raise CouldNot(f"{folder} is not there: name the folder of {options.writer}'s log files")
    with locked(folder, "rotation", _NAME), _configuration(options, folder) as configuration:
        before = _sizes(folder)
        said = _rotate(configuration, folder / _STATE, options)
        after = _sizes(folder)
    less = max(0, sum(before.values()) - sum(after.values()))
    result = {
        "command": _NAME,
        "writer": options.writer,
        "dry_run": options.dry_run,
        "files": len(after),
        "bytes": sum(after.values()),
        "bytes_before": sum(before.values()),
        "compressed_files": sum(name.endswith(".zst") for name in after),
    }
    size = human_size(sum(after.values()))
    lines = [f"{len(after)} files of {size}, {human_size(less)} less than before"]
    show(result, [said, *lines] if options.dry_run else lines, as_json=options.json)
    return 0


@contextmanager
def _configuration(options: argparse.Namespace, folder: Path) -> Iterator[Path]:
    if any(character in str(folder) for character in "\"'*?[{ \n"):
        raise CouldNot(f"logrotate cannot be told of a folder like {folder}: rename it")
    texts = [(_HERE / name).read_text() for name in ("common.conf", f"{options.writer}.conf")]
    text = "\n".join(texts).replace("@FOLDER@", str(folder))
    with tempfile.TemporaryDirectory(prefix="rotation-") as name:
        path = Path(name) / "logrotate.conf"
        path.write_text(text)
        # It passes over a file that others may write, whatever the umask is.
        path.chmod(0o600)
        yield path


def _rotate(configuration: Path, state: Path, options: argparse.Namespace) -> str:
    program = shutil.which("logrotate", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise CouldNot("there is no logrotate here: it is in the image `arloji/housekeeping`")
    flags = ["--debug"] * options.dry_run + ["--force"] * options.force
    command = [program, *flags, "--state", str(state), str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    said = done.stderr.strip() or done.stdout.strip()
    if done.returncode:
        raise CouldNot(f"logrotate says: {said.splitlines()[-1] if said else done.returncode}")
    return said


def _sizes(folder: Path) -> dict[str, int]:
    return {
        path.name: path.stat().st_size
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }

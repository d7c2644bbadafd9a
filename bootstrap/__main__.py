"""`python -m bootstrap <folder>`: make what the stack needs before its first start, as root, where
every volume is mounted. A second run completes what is missing and changes nothing else."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.collector_queue import put_torn_files_aside
from bootstrap.volumes import prepare_data_folders, prepare_log_folders, prepare_secrets

_COULD_NOT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    try:
        prepare(options.folder, renew=options.rotate, finish=options.finish_rotation)
    except OSError as error:
        print(f"bootstrap failed: {error}", file=sys.stderr)
        return _COULD_NOT
    return 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bootstrap", description=__doc__)
    parser.add_argument("folder", type=Path, help="where secrets/, logs/ and data/ are mounted")
    rotation = parser.add_mutually_exclusive_group()
    rotation.add_argument(
        "--rotate",
        action="store_true",
        help="replace every secret by a new one, or go on with a rotation that is not finished",
    )
    rotation.add_argument(
        "--finish-rotation", action="store_true", help="every reader has its new secret"
    )
    return parser.parse_args(arguments)


def prepare(folder: Path, *, renew: bool, finish: bool) -> None:
    prepare_log_folders(folder / "logs")
    prepare_data_folders(folder / "data")
    for name in put_torn_files_aside(folder / "data" / "collector"):
        print(f"put aside collector/{name}, which was torn: what waited in it is not delivered")
    outcome = prepare_secrets(folder / "secrets", renew=renew, finish=finish)
    for name in outcome.written:
        print(f"wrote {name}")
    print(f"{len(outcome.written)} secret files written, {len(outcome.kept)} kept as they are")


if __name__ == "__main__":
    sys.exit(main())

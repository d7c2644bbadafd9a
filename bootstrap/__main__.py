"""`python -m bootstrap <folder>`: make what the stack needs before its first start, as root, where
every volume is mounted; `python -m bootstrap kubernetes`: make the Secrets of the cluster that this
pod runs in. A second run completes what is missing and changes nothing else."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bootstrap.api_server import ApiServerFailed, find_api_server
from bootstrap.cluster_secrets import prepare_cluster_secrets
from bootstrap.collector_queue import put_torn_files_aside
from bootstrap.volumes import Outcome, prepare_data_folders, prepare_log_folders, prepare_secrets

_COULD_NOT = 2
_CLUSTER = "kubernetes"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_options(arguments)
    rotation = {"renew": options.rotate, "finish": options.finish_rotation}
    try:
        if options.where == _CLUSTER:
            _report(prepare_cluster_secrets(find_api_server(), **rotation), "Secrets")
        else:
            prepare(Path(options.where), **rotation)
    except (OSError, ApiServerFailed) as error:
        print(f"bootstrap failed: {error}", file=sys.stderr)
        return _COULD_NOT
    return 0


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bootstrap", description=__doc__)
    parser.add_argument(
        "where",
        help=f"the folder where secrets/, logs/ and data/ are mounted, or the word {_CLUSTER}",
    )
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
    _report(prepare_secrets(folder / "secrets", renew=renew, finish=finish), "secret files")


def _report(outcome: Outcome, what: str) -> None:
    for name in outcome.written:
        print(f"wrote {name}")
    print(f"{len(outcome.written)} {what} written, {len(outcome.kept)} kept as they are")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tools.cluster build`: build the programs of Kubernetes, which takes minutes once.

`python -m tools.cluster fake start|stop`: a control plane with pretended nodes in three zones, to
see what a cluster makes of manifests. No container runs in it.

`python -m tools.cluster node start|stop|status`: real nodes, where the shop runs."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.control_plane import program
from tools.cluster.fake import PROGRAMS, FakeCluster
from tools.cluster.node_command import add_to, run_node
from tools.cluster.process_group import stop_recorded
from tools.cluster.processes import ClusterFailed
from tools.commands import BuildFailed
from tools.go_programs.catalogue import KUBERNETES_PROGRAMS

FOLDER = Path(tempfile.gettempdir()) / "arloji-fake-cluster"

_HOW_TO = """\
The control plane is ready; its logs are in {folder}. Its kubectl, also for an alias:
  {kubectl} get nodes
or one of yours:
  export KUBECONFIG={folder}/admin.kubeconfig
The end of it: python -m tools.cluster fake stop"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cluster",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the programs that are not built yet")
    build.add_argument("programs", nargs="*", metavar="PROGRAM", help="only these; default: all")
    fake = commands.add_parser("fake", help="a control plane with pretended nodes")
    fake.add_argument("action", choices=["start", "stop"])
    fake.add_argument("--nodes-per-zone", type=int, default=2, metavar="N")
    add_to(commands)
    options = parser.parse_args(arguments)
    try:
        if options.command == "build":
            build_programs(options.programs or [*KUBERNETES_PROGRAMS])
        elif options.command == "node":
            return run_node(options)
        elif options.action == "start":
            start_fake(options.nodes_per_zone)
        else:
            stop_fake()
    except (BuildFailed, ClusterFailed, OSError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def build_programs(names: Sequence[str]) -> None:
    if unknown := [name for name in names if name not in KUBERNETES_PROGRAMS]:
        raise BuildFailed(f"no such program: {', '.join(unknown)}")
    for name in names:
        print(f"{name}: {program(name)}", flush=True)


def start_fake(nodes_per_zone: int) -> None:
    build_programs(PROGRAMS)
    stop_fake()
    FOLDER.mkdir(mode=0o700)
    cluster = FakeCluster(FOLDER, detached=True, nodes_per_zone=nodes_per_zone)
    cluster.start()
    print(_HOW_TO.format(folder=FOLDER, kubectl=" ".join(cluster.control_plane.kubectl_command)))


def stop_fake() -> None:
    stop_recorded(FOLDER)
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tools.flame_graph <service>`: where a service of the running shop spends its time, as
an SVG, by py-spy (https://github.com/benfred/py-spy), which has to be on PATH."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from contracts.services import SERVICE_NAMES
from servicekit.embedded import read_data_folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.flame_graph", description=__doc__)
    parser.add_argument("service", choices=SERVICE_NAMES)
    parser.add_argument("--seconds", type=int, default=20, help="under load, which is yours")
    parser.add_argument("--output", type=Path, default=Path("flame.svg"))
    options = parser.parse_args()
    program = shutil.which("py-spy")
    pid_file = read_data_folder() / "run" / f"{options.service}.pid"
    if program is None or not pid_file.exists():
        missing = "py-spy on PATH" if program is None else f"{pid_file}: start the shop"
        print(f"there is no {missing}", file=sys.stderr)
        return 1
    command = [
        *(program, "record", "--pid", pid_file.read_text().strip(), "--rate", "200"),
        *("--duration", str(options.seconds), "--output", str(options.output)),
    ]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

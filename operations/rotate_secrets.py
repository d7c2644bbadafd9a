"""`make secrets`: new secrets for everything that travels a network, while the shop runs.

What was valid before stays valid beside the new one until the next rotation: sessions go on, and
services change over one by one. To shut a leaked secret out, rotate twice. Both Redis restart to
read their accounts; orders are refused with 503 for that second and accepted orders are kept.
What stops half way goes on where it was when it is repeated, and shuts nobody out.
"""

import argparse
import sys
from collections.abc import Sequence

from operations.compose import ComposeFailed, restart, run_once, running
from operations.upgrade import REDIS, replace_services

# Each reads its secrets when it starts.
EXPORTERS = ("mysqld-exporter", "redis-exporter")
READERS = ("consumer", "service-http", "publisher", "frontend")
_BOOTSTRAP = ("bootstrap", "python", "-m", "bootstrap", "/bootstrap")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m operations.rotate_secrets", description=__doc__
    )
    parser.parse_args(arguments)
    try:
        run_once(*_BOOTSTRAP, "--rotate")
        for server in REDIS:
            restart(server)
        run_once("accounts")
        replace_services(READERS)
        for exporter in EXPORTERS:
            if running(exporter):
                restart(exporter)
        run_once(*_BOOTSTRAP, "--finish-rotation")
    except ComposeFailed as error:
        print(
            f"stopped half way, nobody is shut out: {error}. Repeat `make secrets` when that is"
            " repaired; it goes on with the secrets that are made."
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make secrets`: new secrets for everything that travels a network, while the shop runs.

What was valid before stays valid beside the new one until the next rotation: sessions go on, and
services change over one by one. To shut a leaked secret out, rotate twice. Both Redis restart to
read their accounts; orders are refused with 503 for that second and accepted orders are kept.
What stops half way goes on where it was when it is repeated, and shuts nobody out.
"""

import argparse
import sys
from collections.abc import Sequence

from bootstrap.credentials import READERS
from contracts.services import SERVICE_NAMES
from operations.compose import ComposeFailed, restart, run_once, running
from operations.upgrade import REDIS, replace_services

# Each reads its secrets when it starts.
EXPORTERS = [reader.name for reader in READERS if reader.name.endswith("-exporter")]
SERVICES = [reader.name for reader in READERS if reader.name in SERVICE_NAMES]
_BOOTSTRAP = ("bootstrap", "python", "-m", "bootstrap", "/bootstrap")


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(prog="make secrets", description=__doc__).parse_args(arguments)
    try:
        run_once(*_BOOTSTRAP, "--rotate")
        for server in REDIS:
            restart(server)
        run_once("accounts")
        replace_services(SERVICES)
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

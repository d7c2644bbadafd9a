"""`make upgrade`: the services as they are in this folder now, without a failed request.

Builds the images, brings the schema up to it, then replaces the containers of one service after
the other. Stores, ingress and telemetry stay as they are: `docker compose up -d` replaces those
whose image or settings have changed, with a short gap each.
"""

import argparse
import sys
from collections.abc import Sequence

from contracts.services import DEPENDENCY_ORDER
from operations.compose import ComposeFailed, compose, networks_differ, replace, restart, run_once

# Each reads its accounts when it starts.
REDIS = ("queue-redis", "cache-redis")
# nginx leaves one out for 10 s that refused connections while it started (ingress/conf/upstream).
INGRESS_SECONDS = 11


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operations.upgrade", description=__doc__)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help="only these; default: all")
    parser.add_argument("--no-build", action="store_true", help="the image is here already")
    options = parser.parse_args(arguments)
    if unknown := set(options.services) - set(DEPENDENCY_ORDER):
        parser.error(f"not a service: {', '.join(sorted(unknown))}")
    try:
        if not options.no_build:
            compose("build", "bootstrap", "housekeeping")
        if networks_differ():
            start_anew()
            return 0
        bring_up_stores()
        replace_services(options.services or DEPENDENCY_ORDER)
    except ComposeFailed as error:
        print(f"stopped half way, nothing is lost: {error}. Repeat it when that is repaired.")
        return 1
    return 0


def start_anew() -> None:
    """The one upgrade that has a gap; what is in volumes stays."""
    print("a network is defined otherwise now: everything stops and starts", flush=True)
    compose("--profile", "*", "down")
    compose("up", "--detach", "--wait")


def bring_up_stores() -> None:
    """Accounts, schema and rights as the new version wants them; the old one can live with that."""
    written = run_once("bootstrap").splitlines()
    for server in REDIS:
        if f"wrote {server}/users.acl" in written:
            restart(server)
    for init_job in ("accounts", "migrate", "rights"):
        run_once(init_job)


def replace_services(services: Sequence[str]) -> None:
    """Whoever asks is never newer than who answers."""
    for service in DEPENDENCY_ORDER:
        if service in services:
            # nginx tries two frontends, no more; the services' own clients try every address.
            edge = service == "frontend"
            replace(service, settle_seconds=INGRESS_SECONDS if edge else 0, one_by_one=edge)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m local.receiver`: receive and show telemetry until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Generator, Sequence

import uvicorn

from local.receiver.app import create_app
from servicekit.signals import not_ignored


class ReceiverServer(uvicorn.Server):
    """uvicorn raises a captured signal again after its shutdown, which would end the process by
    the signal instead of with exit code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in not_ignored(signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m local.receiver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4318)
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a Host header to answer besides the loopback names; may be repeated",
    )
    options = parser.parse_args(arguments)
    config = uvicorn.Config(
        create_app(allowed_hosts=options.allowed_host),
        host=options.host,
        port=options.port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
        # With the bound of one body this bounds the memory; a sender tries again after a 503.
        limit_concurrency=100,
    )
    ReceiverServer(config).run()


if __name__ == "__main__":
    main()

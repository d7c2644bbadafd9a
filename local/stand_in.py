"""`python -m local.stand_in`: an in-memory Redis for machines without any. It forgets all when
it ends, which the launcher says loudly."""

import argparse
import signal
import threading
from typing import Any

from fakeredis import TcpFakeServer
from redis.exceptions import ResponseError

from servicekit.signals import not_ignored


class StandIn(TcpFakeServer):
    """fakeredis behind a port; an error is an answer like any other, as it is for Redis.
    fakeredis closes the connection after one, which looks like a lost server."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), server_type="redis", server_version=(6, 2))
        self.RequestHandlerClass = _keep_open_after_errors(self.RequestHandlerClass)


def _keep_open_after_errors(handler: Any) -> Any:
    class Handler(handler):  # type: ignore[misc]
        def setup(self) -> None:
            super().setup()
            read = self.current_client.read_response

            def read_any(*args: Any, **options: Any) -> Any:
                try:
                    return read(*args, **options)
                except ResponseError as error:
                    return error

            self.current_client.read_response = read_any

    return Handler


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.stand_in", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    server = StandIn(parser.parse_args().port)
    stop = threading.Event()
    for number in not_ignored(signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()

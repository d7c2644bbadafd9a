"""`python -m benchmarks.upstream <port>`: the cheapest service there can be behind the gateway; its
answer to every request is the same product."""

import asyncio
import json
import sys
from typing import cast

import httptools
import uvloop

PRODUCT = {
    "product_id": 1,
    "slug": "a-watch-1",
    "brand": "Brand",
    "collection": "Collection",
    "name": "A watch",
    "description": "As long as the description of a watch usually is, more or less. " * 3,
    "price_idr": 4_600_000,
    "stock": 12,
}
BODY = json.dumps(PRODUCT).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
) + BODY


class Upstream(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_ANSWER)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

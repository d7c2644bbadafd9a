"""`python -m tools.cluster.forward FD=ADDRESS:PORT…`: hands connections on from a listening socket
of the machine into the network namespace that this process is in, where the cluster is. A socket
belongs to the namespace in which it was made, so nothing else leads from one to the other."""

import asyncio
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from tools.cluster.processes import ClusterFailed

_CHUNK_BYTES = 64 * 1024


def listen(port: int) -> socket.socket:
    """On loopback, for a forwarder that is given it; 0 is any port."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise ClusterFailed(f"port {port} of 127.0.0.1 cannot be used: {error}") from None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """To the end of one direction; the other may go on."""
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


async def _serve(listener: socket.socket, address: str, port: int) -> None:
    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever breaks a connection here meets a broken one there.
        with suppress(OSError):
            try:
                there_reader, there_writer = await asyncio.open_connection(address, port)
                try:
                    await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
                finally:
                    there_writer.close()
            finally:
                writer.close()

    async with await asyncio.start_server(hand_on, sock=listener) as server:
        await server.serve_forever()


async def main(arguments: Sequence[str]) -> None:
    ways = []
    for argument in arguments:
        descriptor, _, target = argument.partition("=")
        address, _, port = target.rpartition(":")
        listener = socket.socket(fileno=int(descriptor))
        listener.setblocking(False)
        ways.append(_serve(listener, address, int(port)))
    await asyncio.gather(*ways)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

"""Request bodies of bounded size, also after decompression."""

import zlib

from starlette.requests import Request


class BodyTooLarge(Exception):
    """The body, as sent or decompressed, is over the bound."""


class BodyBroken(Exception):
    """The body is not what its Content-Encoding says."""


class EncodingUnknown(Exception):
    """Neither gzip, deflate nor identity."""


async def read_body(request: Request, most_bytes: int) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "deflate"}:
        raise EncodingUnknown
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise BodyTooLarge
    return bytes(body) if encoding == "identity" else _decompress(body, most_bytes)


def _decompress(body: bytearray, most_bytes: int) -> bytes:
    # 32 + 15: gzip or zlib, told apart by their header. The bound goes into the call, so that a
    # small body that would unpack to gigabytes never gets the memory.
    unpacker = zlib.decompressobj(wbits=47)
    try:
        unpacked = unpacker.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise BodyBroken from error
    if len(unpacked) > most_bytes:
        raise BodyTooLarge
    if not unpacker.eof or unpacker.unused_data:
        raise BodyBroken
    return unpacked

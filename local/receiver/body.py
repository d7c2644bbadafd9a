"""Request bodies of bounded size, also after decompression."""

import zlib

from starlette.requests import Request


class RequestRefused(Exception):
    """An export request that is answered with `status` and this message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def read_body(request: Request, max_bytes: int) -> bytes:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "deflate"}:
        raise RequestRefused(415, "send gzip, deflate or identity")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        _require_at_most(max_bytes, body)
    return bytes(body) if encoding == "identity" else _decompress(body, max_bytes)


def _decompress(body: bytearray, max_bytes: int) -> bytes:
    # 32 + 15: gzip or zlib, told apart by their header. The bound goes into the call, so that a
    # small body that would unpack to gigabytes never gets the memory.
    decompressor = zlib.decompressobj(wbits=47)
    try:
        unpacked = decompressor.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RequestRefused(400, "the body is not what its Content-Encoding says") from error
    _require_at_most(max_bytes, unpacked)
    if not decompressor.eof or decompressor.unused_data:
        raise RequestRefused(400, "the body is not what its Content-Encoding says")
    return unpacked


def _require_at_most(max_bytes: int, body: bytes | bytearray) -> None:
    if len(body) > max_bytes:
        raise RequestRefused(413, f"at most {max_bytes} bytes, also when unpacked")

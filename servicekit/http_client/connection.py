"""One HTTP/1.1 connection to another service: one request at a time, one answer to each."""

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol, cast

import httptools

from servicekit.http_client.answer import Answer, Headers
from servicekit.http_client.answer_head import require_small_head, require_sound_head
from servicekit.http_client.failures import AnswerBroken, ConnectionFailed

# RFC 9110 §15: these end with their headers.
_WITHOUT_BODY = frozenset({204, 304})

Body = bytes | AsyncIterable[bytes]


class Owner(Protocol):
    """The pool that a connection is of."""

    def take_back(self, connection: "Connection") -> None: ...
    def forget(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """Goes back to its owner when the answer is whole, if it is clean: both sides want to go on,
    the request was sent to its end, and not a byte came that nobody had asked for. Otherwise it
    is closed. So who has got it cannot meet the rest of another exchange.

    `reused`: it has served a request before. `quiet_ticks` counts up while nothing arrives.
    """

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.reused, self.quiet_ticks = False, 0
        self.lost = self._paused = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer: Answer | None = None
        self._sender: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._in_head, self._head_bytes, self._fed_bytes = True, 0, 0

    @property
    def is_closing(self) -> bool:
        return self._transport.is_closing()

    @property
    def waits(self) -> bool:
        """For the other side to say something."""
        return self._answer is not None and not self._paused

    async def exchange(
        self, head: bytes, body: Body, *, length: int | None, is_head: bool
    ) -> Answer:
        """Send a request; its answer, as soon as its headers are there. A body in pieces is sent
        chunked, or is of `length` bytes.

        Raises `ConnectionFailed` if it breaks before, and `AnswerBroken` for what is no answer.
        Whatever ends it early, also a cancellation, closes the connection.
        """
        if self.is_closing:
            raise ConnectionFailed("closed in between", before_answer=True, reused=self.reused)
        answer = self._answer = Answer(self)
        self._begun, self._whole, self._until_closed = False, False, False
        self._is_head, self._dirty, self.quiet_ticks = is_head, False, 0
        self._expect_head(head_bytes=0)
        if isinstance(body, bytes):
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._sender = asyncio.create_task(self._send(body, length))
            self._sender.add_done_callback(self._on_sent)
        try:
            while not answer.status:
                await answer.changed()
        except BaseException:
            answer.close()  # unless it is whole: this may be somebody else's connection then
            raise
        return answer

    def close(self) -> None:
        self._transport.close()

    def abort(self) -> None:
        self._answer = None
        self._transport.abort()

    def fail(self, failure: Exception) -> None:
        """The answer that is waited for does not come."""
        answer, self._answer = self._answer, None
        self._transport.abort()
        if answer is not None:
            answer.end(failure)

    # Sending -------------------------------------------------------------------------------------

    async def _send(self, body: AsyncIterable[bytes], length: int | None) -> None:
        left = length
        async for piece in body:
            if left is not None:
                left -= len(piece)
                if left < 0:  # the other side would take it for the next request
                    break
            if piece:
                chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if left is None else piece
                self._transport.write(chunk)
                self.quiet_ticks = 0
                await self._may_write.wait()
        if left:
            raise ValueError(f"the body is not of the {length} bytes that were stated")
        if left is None:
            self._transport.write(b"0\r\n\r\n")

    def _on_sent(self, sender: asyncio.Task[None]) -> None:
        if not sender.cancelled() and (error := sender.exception()) is not None:
            self.fail(cast(Exception, error))

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    @property
    def _is_sent(self) -> bool:
        sent = self._sender is None or self._sender.done()
        return sent and not self._transport.get_write_buffer_size()

    # Receiving -----------------------------------------------------------------------------------

    def pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused, self.quiet_ticks = False, 0
            self._transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if (answer := self._answer) is None:
            # It answers no request; such as the 408 with which some servers end an idle connection.
            self._transport.abort()
            return
        self._begun, self.quiet_ticks = True, 0
        self._fed_bytes = len(data)
        try:
            self._parser.feed_data(data)
            if self._in_head:
                self._head_bytes += len(data)
                require_small_head(self._head_bytes, len(self._headers))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, AnswerBroken) as error:
            if not self._whole:
                self._break(error)
                return
            self._dirty = True
        if self._whole:
            self._finish()
        else:
            answer.wake()

    def on_message_begin(self) -> None:
        self._dirty = self._whole

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer must not pass for a header
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self._whole:
            return
        status, headers = self._parser.get_status_code(), self._headers
        came = self._head_bytes + self._fed_bytes
        ends = require_sound_head(self._parser.get_http_version(), status, headers, came)
        if status < 200:
            return  # RFC 9110 §15.2: the answer is yet to come
        self._in_head, self._keeps_alive = False, self._parser.should_keep_alive()
        assert self._answer is not None
        self._whole = self._is_head or status in _WITHOUT_BODY
        self._until_closed = not (ends or self._whole)
        self._answer.status, self._answer.headers = status, headers

    def on_body(self, piece: bytes) -> None:
        if self._whole:
            self._dirty = True
        elif self._answer is not None:
            self._answer.add(piece)

    def on_message_complete(self) -> None:
        if self._in_head:
            self._expect_head(self._head_bytes)
        else:
            self._whole = True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._sender is not None:
            self._sender.cancel()
        if self.owner is not None:
            self.owner.forget(self)
        answer, self._answer = self._answer, None
        if answer is None:
            return
        if not answer.status:
            why, before = str(error or "closed"), not self._begun
            answer.end(ConnectionFailed(why, before_answer=before, reused=self.reused))
        elif self._until_closed and error is None:
            answer.end()
        else:
            answer.end(AnswerBroken("ended in the middle"))

    def _expect_head(self, head_bytes: int) -> None:
        self._in_head, self._head_bytes = True, head_bytes
        self._headers: Headers = []

    def _break(self, error: Exception) -> None:
        if isinstance(error, httptools.HttpParserUpgrade):
            error = AnswerBroken("another protocol")
        if isinstance(error, httptools.HttpParserCallbackError):
            # What a callback raises is the context of the parser's own exception.
            error = cast(Exception, error.__context__)
            if not isinstance(error, AnswerBroken):
                raise error
        self.fail(AnswerBroken(str(error)))

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        clean = self._keeps_alive and not self._dirty and self._is_sent and not self.is_closing
        if clean and self.owner is not None:
            self.resume()
            if self._is_head:
                # Its parser waits for a body.
                self._parser = httptools.HttpResponseParser(self)
            self._sender = None
            self.owner.take_back(self)
        else:
            self._transport.abort()
        assert answer is not None
        answer.end()

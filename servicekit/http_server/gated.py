"""uvicorn's HTTP protocol with a gate: what is refused there never becomes a task (decision 81)."""

from typing import Any, cast

from starlette.types import ASGIApp
from uvicorn.config import Config

from servicekit.http_server.bounded import BoundedProtocol
from servicekit.http_server.early_answer import Gate
from servicekit.http_server.exchange import Exchange


class GatedProtocol(BoundedProtocol):
    """The app may have a `gate`, which is asked about each request that is whole when it is read,
    and that no other is to be answered before."""

    def __init__(self, config: Config, *args: Any, **options: Any) -> None:
        super().__init__(config, *args, **options)
        self._app = cast(ASGIApp, self.app)
        self._gate: Gate | None = getattr(config.app, "gate", None)
        # Of what the gate has answered by itself, only the rest of its message is yet to come.
        self._is_answered = self._ends_here = False
        # What the gate is asked about as soon as the body is here, if that came with the head.
        self._held: Exchange | None = None

    @property
    def _ends_after(self) -> bool:
        """Whether the client wants the connection to end with the answer."""
        return not self.parser.should_keep_alive() or self.parser.get_http_version() == "1.0"

    def _begin_or_refuse(self, *, has_body: bool) -> None:
        gate = None if self._in_flight else self._gate
        if gate is not None and has_body:
            # Whoever sends it slowly has no permit meanwhile, but waits outside of the limits.
            self.cycle = self._held = self._exchange(ends=self._ends_after)
        elif gate is None or not self._answer_early(gate):
            self._begin(self._app, ends=self._ends_after)

    def _exchange(self, *, ends: bool) -> Exchange:
        expects = self.expect_100_continue
        return Exchange(self, self.scope, keep_alive=not ends, expects=expects)

    def _begin(self, app: ASGIApp, *, ends: bool) -> None:
        waits, self.cycle = self._in_flight, self._exchange(ends=ends)
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft(cast(Any, (self.cycle, app)))
        else:
            self.start(self.cycle, app)

    def _start_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            self.start(held, self._app)

    def _answer_early(self, gate: Gate) -> bool:
        method = self.parser.get_method()
        early = gate(method, self.url, self.scope)
        if early is None:
            return False
        self._ends_here = self._ends_after or self._ends_now
        own = [*self.server_state.default_headers]
        own += [(b"connection", b"close")] if self._ends_here else []
        self.transport.write(early.encode(own, is_head=method == b"HEAD"))
        self._is_answered = True
        return True

    def on_message_complete(self) -> None:
        if self._held is not None and self._gate is not None and self._answer_early(self._gate):
            self._held.response_complete, self._held = True, None
        if not self._is_answered:
            super().on_message_complete()
            self._start_held()
            return
        self._is_answered = False
        self.on_response_complete()
        if self._ends_here:
            self.transport.close()

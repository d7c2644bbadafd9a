"""What keeps a request from its answer, named by whether it may be sent again."""

import logging

from servicekit.problems import BadGateway, Problem, ServiceUnavailable

logger = logging.getLogger(__name__)


class UpstreamFailure(Exception):
    """A request got no whole answer from the service behind."""


class ConnectionFailed(UpstreamFailure):
    """The connection could not be made, or broke.

    `before_answer`: not one byte of the answer has arrived. `reused`: the connection had served
    another request before, so that the other side may just have closed it for being idle.
    """

    def __init__(self, why: str, *, before_answer: bool, reused: bool) -> None:
        super().__init__(why)
        self.before_answer, self.reused = before_answer, reused


class NoConnectionInTime(UpstreamFailure):
    """No free place in the pool, or no handshake, within CONNECT_SECONDS; too many wait for a
    place already; or its name cannot be resolved just now."""


class AnswerBroken(UpstreamFailure):
    """What arrived is not HTTP, or not the whole of an answer."""


class NotAlive(UpstreamFailure):
    """Its `/healthz` says so."""


def problem_for(failure: UpstreamFailure) -> Problem:
    """For the client of this service. Why and where it failed is for our own log."""
    logger.warning("no answer: %s: %s", type(failure).__name__, failure)
    if isinstance(failure, NoConnectionInTime):
        return ServiceUnavailable("The service behind this one gives no connection now.")
    if isinstance(failure, ConnectionFailed):
        return BadGateway("The service behind this one cannot be reached.")
    return BadGateway("The service behind this one gave a broken answer.")

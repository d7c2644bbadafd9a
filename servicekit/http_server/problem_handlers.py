"""What leaves a handler as an exception becomes an answer; every kind of one."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry.trace import SpanKind
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from servicekit.problems import (
    BadRequest,
    BodyTooLarge,
    DeadlinePassed,
    MethodNotAllowed,
    NotFound,
    Problem,
    ProblemRenderer,
    UnsupportedMediaType,
    invalid,
    problem_response,
)
from servicekit.telemetry.tracing import trace_response_headers, tracer

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

logger = logging.getLogger(__name__)

_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (BadRequest, NotFound, MethodNotAllowed, BodyTooLarge, UnsupportedMediaType)
}


def problem_from(error: Exception) -> Problem:
    """Every exception that may leave a handler, as the problem that it stands for."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid(error, "A parameter is not valid; see `errors`.")
        case HTTPException():
            kind = _BY_STATUS.get(error.status_code, Problem)
            detail = "No such page or route." if kind is NotFound else str(error.detail)
            return kind(detail, headers=error.headers)
        case TimeoutError():
            return DeadlinePassed("The deadline passed.")
        case _:
            return Problem("An unexpected error; the trace tells more.")


def refusing(problem: Problem, service: Any) -> ASGIApp:
    """In place of `service`, which shows problems by its `render_problem` if it has one, for what
    never became a request. It has a trace of its own, so that the id in the answer is also in
    the log."""
    render = getattr(service, "render_problem", problem_response)
    attributes: dict[str, str | int] = {
        "http.request.method": "_OTHER",
        "http.response.status_code": problem.status,
        "url.scheme": "http",
    }

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        with tracer().start_as_current_span("HTTP", kind=SpanKind.SERVER, attributes=attributes):
            logger.info("refused with %d: %s", problem.status, problem.detail)
            response = render(scope, problem)
            response.headers.update(trace_response_headers())
            await response(scope, receive, send)

    return refuse


def install_problem_handlers(app: FastAPI, render: ProblemRenderer = problem_response) -> None:
    """Let `app` answer with problems instead of Starlette's and FastAPI's own error bodies."""

    async def render_it(request: Request, error: Exception) -> Response:
        problem = problem_from(error)
        if isinstance(error, HTTPException) and isinstance(problem, MethodNotAllowed):
            problem.headers["Allow"] = _allowed_methods(app, request.scope)
        return render(request.scope, problem)

    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, render_it)


def _allowed_methods(app: FastAPI, scope: Scope) -> str:
    """Of all routes of the path (RFC 9110 §15.5.6); the router names those of the first. HEAD is
    answered wherever GET is."""
    allowed = {
        method
        for method in _METHODS
        for route in app.routes
        if route.matches({**scope, "method": method})[0] is Match.FULL
    }
    return ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))

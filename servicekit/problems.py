"""Errors as RFC 9457 problem details. Domain code raises a `Problem`; one place renders it."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from starlette.responses import Response
from starlette.types import Scope

from servicekit.telemetry.tracing import current_trace_id
from servicekit.validation import Invalid, field_errors

MEDIA_TYPE = "application/problem+json"
SAME_KEY = "Repeating the request with the same Idempotency-Key is safe."
# What may have gone wrong half way, or came too fast.
_REPEATABLE = frozenset({429, 502, 503, 504})

# How an app shows its problems; pages show them as HTML.
ProblemRenderer = Callable[[Scope, "Problem"], Response]


class Problem(Exception):
    """A refusal that the client can act on. `detail` says what to do and never holds input
    that could be personal."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)


class BadRequest(Problem):
    status, slug, title = 400, "bad-request", "Bad request"


class NotFound(Problem):
    status, slug, title = 404, "not-found", "Not found"


class MethodNotAllowed(Problem):
    status, slug, title = 405, "method-not-allowed", "Method not allowed"


class BodyTooLarge(Problem):
    status, slug, title = 413, "body-too-large", "Request body too large"


class UnsupportedMediaType(Problem):
    status, slug, title = 415, "unsupported-media-type", "Unsupported media type"


class MisdirectedRequest(Problem):
    status, slug, title = 421, "misdirected-request", "Misdirected request"


class Unprocessable(Problem):
    status, slug, title = 422, "unprocessable", "The request is not valid"


class HeadersTooLarge(Problem):
    status, slug, title = 431, "headers-too-large", "Request headers too large"


class TooManyRequests(Problem):
    status, slug, title = 429, "too-many-requests", "Too many requests"


class BadGateway(Problem):
    status, slug, title = 502, "bad-gateway", "The service behind this one is broken"


class ServiceUnavailable(Problem):
    """Not able now. Always with `Retry-After`."""

    status, slug, title = 503, "service-unavailable", "Not available now"

    def __init__(self, detail: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class DeadlinePassed(Problem):
    status, slug, title = 504, "deadline-passed", "The answer took too long"


def problem_body(problem: Problem, scope: Scope) -> bytes:
    """The JSON document. ASCII only: hostile input in a field name cannot break the encoding."""
    detail = problem.detail
    if problem.status in _REPEATABLE and _has_key(scope):
        detail = f"{detail} {SAME_KEY}"
    document: dict[str, Any] = {
        "type": f"urn:arloji:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "instance": scope["path"],
        "trace_id": current_trace_id(),
    }
    if problem.errors:
        document["errors"] = list(problem.errors)
    return json.dumps(document).encode("ascii")


def _has_key(scope: Scope) -> bool:
    """True for what is done once however often it is sent; who only reads needs no key."""
    return scope["method"] == "POST" and any(
        name == b"idempotency-key" for name, _ in scope.get("headers", ())
    )


def problem_response(scope: Scope, problem: Problem) -> Response:
    return Response(
        problem_body(problem, scope),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def invalid(error: Invalid, detail: str) -> Unprocessable:
    """Say which fields are wrong and why, without repeating what was sent."""
    return Unprocessable(detail, errors=field_errors(error))

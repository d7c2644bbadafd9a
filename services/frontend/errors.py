"""Refusals as pages in the guest's language, and as problem documents for programs."""

from starlette.responses import Response
from starlette.types import Scope

from servicekit.problems import Problem, ProblemRenderer, problem_response
from servicekit.telemetry.tracing import current_trace_id
from services.frontend.page_context import PageContext
from services.frontend.pages import Pages

_FOR_PROGRAMS = ("/api", "/healthz", "/readyz")
_BENEATH = tuple(f"{path}/" for path in _FOR_PROGRAMS)
_MAY_PASS = frozenset({429, 500, 502, 503, 504})
# The watch on the page shows the status: 404 is four minutes past four.
_FACE = (
    "dial=ivory;finish=enamel;case=steel;strap=leather-tan;mm=40;trim=blued;"
    "bezel=thin;index=arabic;hands=leaf;sub=small"
)


def create_problem_renderer(pages: Pages) -> ProblemRenderer:
    def render(scope: Scope, problem: Problem) -> Response:
        if is_for_a_program(scope["path"]):
            return problem_response(scope, problem)
        page = pages.context(scope)
        status = _shown_status(page, problem)
        return pages.render(
            page,
            "error.html",
            status=problem.status,
            headers=problem.headers,
            code=problem.status,
            shown_status=status,
            # What went wrong behind the shop, or came too fast, may work the next time.
            retry_address=page.here if problem.status in _MAY_PASS else "",
            face=_FACE,
            time=(status // 100, status % 100, 0),
            trace_id=current_trace_id(),
        )

    return render


def create_refusal_renderer(pages: Pages) -> ProblemRenderer:
    """For what the server refuses before it is a request: a page for whoever asks for one. It
    stands by itself, since a browser whose headers are too large gets no style either."""

    def render(scope: Scope, problem: Problem) -> Response:
        if is_for_a_program(scope["path"]) or not _asks_for_a_page(scope):
            return problem_response(scope, problem)
        page = pages.context(scope)
        return pages.render(
            page,
            "refusal.html",
            status=problem.status,
            headers=problem.headers,
            code=problem.status,
            shown_status=_shown_status(page, problem),
            trace_id=current_trace_id(),
        )

    return render


def _shown_status(page: PageContext, problem: Problem) -> int:
    """The status whose words fit."""
    return problem.status if f"error_title.{problem.status}" in page.text.texts else 500


def _asks_for_a_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def is_for_a_program(path: str) -> bool:
    return path.startswith(_BENEATH) or path in _FOR_PROGRAMS

"""Answers to requests that are not admitted: small, made in advance, and the same for all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from servicekit.problems import MEDIA_TYPE, Problem
from services.frontend.cookies.cookie import Cookie, Headers
from services.frontend.errors import is_for_a_program
from services.frontend.language import Language, choose_language
from services.frontend.pages import Pages

_TRACE_ID = "f" * 32
_STATUSES = (503, 504)


@dataclass(frozen=True)
class Rejection:
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Rejections:
    def __init__(
        self, pages: Pages, language: Cookie, security_headers: Mapping[bytes, bytes]
    ) -> None:
        self._language = language
        self._headers = [*security_headers.items(), (b"cache-control", b"no-store")]
        self._pages = {
            (one, status): _static_page(pages, one, status)
            for one in Language
            for status in _STATUSES
        }

    def show(self, headers: Headers, path: str, problem: Problem, trace_id: str) -> Rejection:
        """A page for whoever asks for one, a problem document for programs."""
        known = dict(headers)
        if is_for_a_program(path) or b"text/html" not in known.get(b"accept", b""):
            body, media_type = _document(path, problem, trace_id), MEDIA_TYPE.encode("ascii")
        else:
            language = choose_language(
                None,
                next(iter(self._language.values(headers)), None),
                known.get(b"accept-language", b"").decode("latin-1"),
            )
            before, after = self._pages[language, problem.status]
            body, media_type = before + trace_id.encode() + after, b"text/html; charset=utf-8"
        own = ((name.lower().encode(), text.encode()) for name, text in problem.headers.items())
        return Rejection([*self._headers, (b"content-type", media_type), *own], body)


def _document(path: str, problem: Problem, trace_id: str) -> bytes:
    return json.dumps(
        {
            "type": f"urn:arloji:problem:{problem.slug}",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "instance": path,
            "trace_id": trace_id,
        }
    ).encode("ascii")


def _static_page(pages: Pages, language: Language, status: int) -> tuple[bytes, bytes]:
    """What stands before and after the id of the trace."""
    html = pages.render_alone(
        "refusal.html", language, code=status, shown_status=status, trace_id=_TRACE_ID
    )
    before, _, after = html.encode().partition(_TRACE_ID.encode())
    return before, after

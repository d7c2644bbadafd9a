"""Answers to requests that are not admitted: small, made in advance, and the same for all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii

from servicekit.admission.control import problem_of
from servicekit.admission.limiter import DEADLINE, LIMIT
from servicekit.problems import MEDIA_TYPE, Problem
from services.frontend.cookies.cookie import Cookie, Headers
from services.frontend.errors import is_for_a_program
from services.frontend.language import Language, choose_language
from services.frontend.pages import Pages

_PAGE, _PROBLEM = b"text/html; charset=utf-8", MEDIA_TYPE.encode("ascii")
_TRACE_ID = "f" * 32
_PROBLEMS = {problem.status: problem for problem in map(problem_of, (LIMIT, DEADLINE))}


@dataclass(slots=True)
class Rejection:
    """`head` is `headers` as lines."""

    headers: list[tuple[bytes, bytes]]
    head: bytes
    body: bytes


class Rejections:
    def __init__(
        self, pages: Pages, language: Cookie, security_headers: Mapping[bytes, bytes]
    ) -> None:
        self._language = language
        self._pages = {
            (one, status): _static_page(pages, one, status)
            for one in Language
            for status in _PROBLEMS
        }
        self._documents = {
            status: _document(problem).partition(b"@") for status, problem in _PROBLEMS.items()
        }
        always = [*security_headers.items(), (b"cache-control", b"no-store")]
        self._heads = {
            (status, media_type): _with_lines(
                [*always, (b"content-type", media_type), *_raw(problem.headers)]
            )
            for status, problem in _PROBLEMS.items()
            for media_type in (_PAGE, _PROBLEM)
        }

    def show(self, headers: Headers, path: str, status: int, trace_id: bytes) -> Rejection:
        """A page for whoever asks for one, a problem document for programs."""
        known = dict(headers)
        if is_for_a_program(path) or b"text/html" not in known.get(b"accept", b""):
            media_type, (before, _, after) = _PROBLEM, self._documents[status]
            told = encode_basestring_ascii(path).encode()
            body = b'%b%b, "trace_id": "%b"%b' % (before, told, trace_id, after)
        else:
            language = choose_language(
                None,
                next(iter(self._language.values(headers)), None),
                known.get(b"accept-language", b"").decode("latin-1"),
            )
            media_type, (begin, end) = _PAGE, self._pages[language, status]
            body = begin + trace_id + end
        return Rejection(*self._heads[status, media_type], body)


def _document(problem: Problem) -> bytes:
    """With a sign where the path and the id of the trace are to be."""
    fields = {
        "type": f"urn:arloji:problem:{problem.slug}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": "@",
    }
    return json.dumps(fields).replace('"@"', "@").encode("ascii")


def _raw(headers: Mapping[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _with_lines(headers: list[tuple[bytes, bytes]]) -> tuple[list[tuple[bytes, bytes]], bytes]:
    return headers, b"".join([b"%b: %b\r\n" % pair for pair in headers])


def _static_page(pages: Pages, language: Language, status: int) -> tuple[bytes, bytes]:
    """What stands before and after the id of the trace."""
    html = pages.render_alone(
        "refusal.html", language, code=status, shown_status=status, trace_id=_TRACE_ID
    )
    before, _, after = html.encode().partition(_TRACE_ID.encode())
    return before, after

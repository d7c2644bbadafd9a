"""`POST /language`: remembers the language and goes back to where one was."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from servicekit.problems import Unprocessable
from services.frontend.filters import FIELDS
from services.frontend.forms import FormFields
from services.frontend.guest import guest_of
from services.frontend.language import PARAMETER, find_language
from services.frontend.resources import SiteDep

router = APIRouter()

# A path of this shop: `//host` and `/\host` would lead to another one.
_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f]*")
_MAX_LENGTH = 2000
# What may have been typed into the page without being sent. Nothing personal is among it: it
# goes on in an address.
_TYPED = (*FIELDS, "quantity")


@router.post("/language")
async def set_language(request: Request, form: FormFields, site: SiteDep) -> Response:
    language = find_language(form.get("language"))
    if language is None:
        raise Unprocessable("`language` is `id` or `en`.")
    typed = {name: form[name] for name in _TYPED if name in form}
    if not guest_of(request.scope).known:
        # A browser that keeps no cookies is still spoken to as it asks.
        typed[PARAMETER] = language
    next_page = form.get("next") or request.query_params.get("next", "/")
    response = RedirectResponse(with_typed(read_next(next_page), typed), 303)
    site.cookies.language.set(response, language)
    return response


def with_typed(address: str, typed: Mapping[str, str]) -> str:
    """The address with these fields in place of its own; without its page, unless all are the
    same, since a page of one list is none of another."""
    path, _, query = address.partition("?")
    before = dict(parse_qsl(query))
    after = {**before, **typed}
    after = {name: value for name, value in after.items() if value}
    if any(after.get(name) != before.get(name) for name in FIELDS):
        after.pop("page", None)
    changed = f"{path}?{urlencode(after)}" if after else path
    return address if after == before or len(changed) > _MAX_LENGTH else changed


def read_next(text: str) -> str:
    """Where to go on; the catalogue instead of anything that is not a path of this shop."""
    if len(text) > _MAX_LENGTH or not _OWN_PATH.fullmatch(text):
        return "/"
    return quote(text, safe="/?&=%+-._~!$'()*,;:@")

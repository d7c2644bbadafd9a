"""`POST /language`: remembers the language and goes back to where one was."""

import re
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from servicekit.problems import Unprocessable
from services.frontend.forms import read_form
from services.frontend.language import find_language
from services.frontend.shop import shop_of

router = APIRouter()

# A path of this shop: `//host` and `/\host` would lead to another one.
_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f]*")
_MAX_LENGTH = 2000


@router.post("/language")
async def set_language(request: Request) -> Response:
    form = await read_form(request)
    language = find_language(form.get("language"))
    if language is None:
        raise Unprocessable("`language` is `id` or `en`.")
    response = RedirectResponse(read_next(form.get("next", "/")), 303)
    response.headers.append("Set-Cookie", shop_of(request).cookies.language.write(language))
    return response


def read_next(text: str) -> str:
    """Where to go on; the catalogue instead of anything that is not a path of this shop."""
    if len(text) > _MAX_LENGTH or not _OWN_PATH.fullmatch(text):
        return "/"
    return quote(text, safe="/?&=%+-._~!$'()*,;:@")

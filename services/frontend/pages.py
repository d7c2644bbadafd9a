"""Renders pages: templates with the texts, the cart and the language of one request."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from contracts.orders import MAX_QUANTITY
from services.frontend import language as languages
from services.frontend.assets import Assets
from services.frontend.cart import Cart
from services.frontend.cookies import ShopCookies
from services.frontend.formats import format_date, format_moment, format_number, format_rupiah
from services.frontend.guest import guest_of
from services.frontend.language import Language, choose_language, find_language
from services.frontend.settings import Settings
from services.frontend.texts import Texts, read_texts
from watch_faces import draw_face

# A page shows a cart and may show orders: going back to it must not show yesterday's, which
# browsers do with any page that they may keep.
_NOT_KEPT = "no-store"


@dataclass(frozen=True)
class Visit:
    """What a request brought along that every page shows. `chosen` is the language that it
    asks for, `address` where the page can be asked for again if it answers a form."""

    request: Request
    text: Texts
    cart: Cart
    chosen: Language | None
    address: str

    @property
    def language(self) -> Language:
        return self.text.language

    @cached_property
    def here(self) -> str:
        """The address of this page without a language, for coming back to it."""
        if self.request.method not in {"GET", "HEAD"}:
            return self.address
        query = self.request.scope["query_string"]
        # Two slashes at the start would name another host.
        path = "/" + quote(self.request.scope["path"].lstrip("/"), errors="replace")
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if name != languages.PARAMETER]
        return f"{path}?{urlencode(kept)}" if kept else path


class Pages:
    """Built once; holds no connection."""

    def __init__(self, settings: Settings, assets: Assets, cookies: ShopCookies) -> None:
        self._texts = read_texts()
        self._cookies = cookies
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            asset=assets.url,
            draw_face=lambda spec, **kwargs: Markup(draw_face(spec, **kwargs)),
            languages=tuple(Language),
            max_quantity=MAX_QUANTITY,
            trace_url=lambda trace_id: _fill(settings.trace_url_template, "trace_id", trace_id),
            order_trace_url=lambda order_id: _fill(
                settings.order_trace_url_template, "order_id", order_id
            ),
        )

    def visit(
        self, scope: Scope, *, chosen: Language | None = None, address: str = "/cart"
    ) -> Visit:
        request = Request(scope)
        chosen = chosen or find_language(request.query_params.get(languages.PARAMETER))
        language = choose_language(
            chosen,
            self._cookies.language.read(scope["headers"]),
            request.headers.get("accept-language"),
        )
        cart = self._cookies.cart.read(scope["headers"], guest_of(scope).guest_id)
        return Visit(request, self._texts[language], cart, chosen, address)

    def render(
        self,
        visit: Visit,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A whole page; remembers the language if the request asks for one."""
        text = visit.text
        html = self._environment.get_template(template).render(
            visit=visit,
            text=text,
            language=visit.language,
            corrects=status == 422 and visit.request.method == "POST",
            number=lambda number: format_number(number, visit.language),
            rupiah=lambda amount: format_rupiah(amount, visit.language),
            day=lambda day: format_date(day, text),
            moment=lambda moment: format_moment(moment, text),
            **context,
        )
        response = HTMLResponse(
            html,
            status_code=status,
            headers={
                "Cache-Control": _NOT_KEPT,
                "Content-Language": visit.language,
                "Vary": "Cookie, Accept-Language",
                **(headers or {}),
            },
        )
        if visit.chosen:
            response.headers.append("Set-Cookie", self._cookies.language.write(visit.chosen))
        return response


def _fill(template: str, name: str, value: object) -> str:
    """Not `str.format`: an operator's URL may hold braces of its own."""
    return template.replace(f"{{{name}}}", str(value))

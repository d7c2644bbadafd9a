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
from services.frontend.cookies import Headers, ShopCookies
from services.frontend.formats import format_date, format_moment, format_number, format_rupiah
from services.frontend.guest import Guest, guest_of
from services.frontend.language import Language, choose_language, find_language
from services.frontend.settings import Settings
from services.frontend.texts import Texts, read_texts
from watch_faces import draw_face

# A page shows a cart and may show orders: going back to it must not show yesterday's, which
# browsers do with any page that they may keep.
_NOT_KEPT = "no-store"


@dataclass(frozen=True)
class PageContext:
    """What a request brought along that every page shows. `chosen` is the language that it
    asks for, `address` where the page can be asked for again if it answers a form."""

    request: Request
    guest: Guest
    text: Texts
    cart: Cart
    chosen: Language | None
    address: str

    @property
    def headers(self) -> Headers:
        headers: Headers = self.request.scope["headers"]
        return headers

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

    def compile_templates(self) -> None:
        """All of them: no guest waits for it."""
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def context(
        self, scope: Scope, *, chosen: Language | None = None, address: str = "/cart"
    ) -> PageContext:
        request, guest = Request(scope), guest_of(scope)
        chosen = chosen or find_language(request.query_params.get(languages.PARAMETER))
        language = choose_language(
            chosen,
            next(iter(self._cookies.language.values(scope["headers"])), None),
            request.headers.get("accept-language"),
        )
        cart = self._cookies.cart.read(scope["headers"], guest.guest_id) or Cart()
        return PageContext(request, guest, self._texts[language], cart, chosen, address)

    def render(
        self,
        page: PageContext,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response:
        """A whole page; remembers the language if the request asks for one."""
        text = page.text
        html = self._environment.get_template(template).render(
            page=page,
            text=text,
            language=page.language,
            corrects=status == 422 and page.request.method == "POST",
            number=lambda number: format_number(number, page.language),
            rupiah=lambda amount: format_rupiah(amount, page.language),
            day=lambda day: format_date(day, text),
            moment=lambda moment: format_moment(moment, text),
            **context,
        )
        response = HTMLResponse(
            html,
            status_code=status,
            headers={
                "Cache-Control": _NOT_KEPT,
                "Content-Language": page.language,
                "Vary": "Cookie, Accept-Language",
                **(headers or {}),
            },
        )
        if page.chosen:
            self._cookies.language.set(response, page.chosen)
        return response


def _fill(template: str, name: str, value: object) -> str:
    """Not `str.format`: an operator's URL may hold braces of its own."""
    return template.replace(f"{{{name}}}", str(value))

"""Renders pages: templates with the texts, the cart and the language of one request."""

import re
import secrets
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from contracts.orders import MAX_QUANTITY
from servicekit.recent import Recent
from services.frontend import language as languages
from services.frontend.assets import Assets, watch_url
from services.frontend.cart import Cart
from services.frontend.cookies import ShopCookies
from services.frontend.formats import format_date, format_moment, format_number, format_rupiah
from services.frontend.guest import guest_of
from services.frontend.language import Language, choose_language, find_language
from services.frontend.page_context import PageContext, SharedContext
from services.frontend.settings import Settings
from services.frontend.templates_compiled import compile_templates, create_environment
from services.frontend.texts import Texts, read_texts
from watch_faces import draw_face, draw_moving_hands

# A page shows a cart and may show orders: going back to it must not show yesterday's, which
# browsers do with any page that they may keep.
_NOT_KEPT = "no-store"
# Of pages that every guest may be shown: about a hundred.
_MAX_SHARED_BYTES = 8 * 2**20

Slots = Mapping[str, int]


class Pages:
    """Built once; holds no connection."""

    def __init__(self, settings: Settings, assets: Assets, cookies: ShopCookies) -> None:
        self._texts = read_texts()
        self._cookies = cookies
        self._environment = create_environment()
        self._environment.globals.update(
            asset=assets.url,
            watch_url=watch_url,
            draw_face=lambda spec, **kwargs: Markup(draw_face(spec, **kwargs)),
            draw_moving_hands=lambda spec: Markup(draw_moving_hands(spec)),
            languages=tuple(Language),
            max_quantity=MAX_QUANTITY,
            trace_url=lambda trace_id: _fill(settings.trace_url_template, "trace_id", trace_id),
            order_trace_url=lambda order_id: _fill(
                settings.order_trace_url_template, "order_id", order_id
            ),
        )
        self._shared: Recent[tuple[object, ...], tuple[bytes, ...]] = Recent(_MAX_SHARED_BYTES)
        # Where the part of a guest goes. Nobody can guess it, so no text has it by accident.
        self._mark = f"slot-{secrets.token_hex(16)}-"
        self._marked = re.compile(f"{self._mark}([a-z_]+);")
        self._slot = lru_cache(256)(self._render_slot)

    def compile_templates(self) -> None:
        """All of them: no guest waits for it."""
        compile_templates(self._environment)

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
        slots: Slots | None = None,
        **context: Any,
    ) -> Response:
        """A whole page; remembers the language if the request asks for one."""
        html = self._render(
            template,
            page.text,
            page=page,
            corrects=status == 422 and page.request.method == "POST",
            slot=lambda name: self._slot(page.language, name, _value(page, slots, name)),
            **context,
        )
        return self._answer(page, html, status, headers)

    def render_shared(
        self,
        page: PageContext,
        template: str,
        create_context: Callable[[], Mapping[str, Any]],
        *,
        sources: tuple[bytes, ...],
        status: int = 200,
        slots: Slots | None = None,
        age_seconds: int | None = None,
    ) -> Response:
        """The same for a page that differs between guests in its slots only: rendered once for
        each language and address, and again when what it shows comes from other `sources`. With
        an age it says that it is from memory (RFC 9111 §5.1)."""
        stale = age_seconds is not None
        key = (template, page.language, page.here, stale, *sources)
        parts = self._shared.get(key)
        if parts is None:
            html = self._render(
                template,
                page.text,
                page=SharedContext(page.here),
                corrects=False,
                stale=stale,
                slot=lambda name: Markup(f"{self._mark}{name};"),
                **create_context(),
            )
            parts = tuple(part.encode() for part in self._marked.split(html))
            self._shared.put(key, parts, sum(map(len, (*parts, *sources, page.here))))
        # Every second part is the name of a slot.
        html_parts = list(parts)
        for place in range(1, len(parts), 2):
            name = parts[place].decode()
            html_parts[place] = self._slot(page.language, name, _value(page, slots, name)).encode()
        headers = {"Age": str(age_seconds)} if stale else None
        return self._answer(page, b"".join(html_parts), status, headers)

    def render_alone(self, template: str, language: Language, **context: Any) -> str:
        """A page that knows nothing of who asks for it."""
        return self._render(template, self._texts[language], **context)

    def _render(self, template: str, text: Texts, **context: Any) -> str:
        language = text.language
        return self._environment.get_template(template).render(
            text=text,
            language=language,
            number=lambda number: format_number(number, language),
            rupiah=lambda amount: format_rupiah(amount, language),
            day=lambda day: format_date(day, text),
            moment=lambda moment: format_moment(moment, text),
            **context,
        )

    def _render_slot(self, language: Language, name: str, value: int) -> Markup:
        html = self._render("slots.html", self._texts[language], name=name, value=value)
        return Markup(html)

    def _answer(
        self, page: PageContext, html: str | bytes, status: int, headers: Mapping[str, str] | None
    ) -> Response:
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


def _value(page: PageContext, slots: Slots | None, name: str) -> int:
    """What a slot shows: the pieces in the cart are everywhere."""
    return page.cart.pieces if name == "badge" else (slots or {})[name]


def _fill(template: str, name: str, value: object) -> str:
    """Not `str.format`: an operator's URL may hold braces of its own."""
    return template.replace(f"{{{name}}}", str(value))

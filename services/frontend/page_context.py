"""What a page is made for: the request with its guest, texts, cart and language."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request

from services.frontend import language as languages
from services.frontend.cart import Cart
from services.frontend.cookies import Headers
from services.frontend.guest import Guest
from services.frontend.language import Language
from services.frontend.texts import Texts


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


@dataclass(frozen=True)
class SharedContext:
    """What a page may know that is rendered once for every guest."""

    here: str

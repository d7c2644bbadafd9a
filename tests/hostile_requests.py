"""Requests that mean harm, or nothing, and the answer to each: one table for all levels at which a
request may be refused. Each level asks what it decides itself, and of the rest what is typical.

- `BAD_ORDERS`: bodies and headers of `POST /api/orders` with the status and the problem's type, for
  422 also a field that `errors` names. `typical(BAD_ORDERS)` is one of each answer.
- `BAD_QUERIES`: of `GET /api/products`, 422 each, and the field that is named.
- `TEXTS`: for whatever takes text. Kept as it is, not found or refused; never run, never a 500.

Bytes that are no proper HTTP are in `tests/malformed_requests.py`, paths that try to be others in
`tests/hostile_paths.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LINE: dict[str, Any] = {"product_id": 1, "quantity": 1}
CUSTOMER = {"name": "Sari Wulandari", "email": "sari@example.com", "address": "Jl. Merdeka 1"}
ORDER: dict[str, Any] = {"items": [LINE], "customer": CUSTOMER}
BODY = json.dumps(ORDER).encode()
LIMIT = 64 * 1024


@dataclass(frozen=True)
class BadOrder:
    """`replaced` are headers as pairs instead of the usual ones of the same name; a name with None
    is left out."""

    status: int
    problem: str
    body: bytes = BODY
    replaced: tuple[tuple[str, str | None], ...] = ()
    field: str = ""

    def headers(self, usual: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        """For a request that brings these otherwise. By their bytes: some are no text."""
        names = {name.lower() for name, _ in self.replaced}
        kept = [pair for pair in usual.items() if pair[0].lower() not in names]
        pairs = [*kept, *self.replaced]
        return [(name.encode(), value.encode()) for name, value in pairs if value is not None]


def _bad_customer(field: str, value: object) -> BadOrder:
    return _unfit(f"customer.{field}", customer={**CUSTOMER, field: value})


def _bad_line(field: str, value: object) -> BadOrder:
    return _unfit(f"items.0.{field}", items=[{**LINE, field: value}])


def _unfit(field: str, **changes: object) -> BadOrder:
    body = json.dumps({**ORDER, **changes}).encode()
    return BadOrder(422, "unprocessable", body, field=field)


def _no_json(body: bytes) -> BadOrder:
    return BadOrder(400, "bad-request", body)


def _key(*keys: str | None) -> BadOrder:
    return BadOrder(400, "bad-request", replaced=tuple(("Idempotency-Key", key) for key in keys))


def _kind(*kinds: str | None) -> BadOrder:
    replaced = tuple(("Content-Type", kind) for kind in kinds)
    return BadOrder(415, "unsupported-media-type", replaced=replaced)


BAD_ORDERS: Mapping[str, BadOrder] = {
    "empty": _no_json(b""),
    "unfinished": _no_json(b'{"items":'),
    "other quotes": _no_json(b"{'items': []}"),
    "no UTF-8": _no_json(b"\xff\xfe{}"),
    "a mark of its byte order": _no_json(b"\xef\xbb\xbf{}"),
    "not a number": _no_json(b'{"items": [NaN]}'),
    "infinite": _no_json(b'{"items": -Infinity}'),
    "a number of 5000 digits": _no_json(b'{"items": 1' + b"0" * 5000 + b"}"),
    "NUL": _no_json(b"\x00"),
    "two orders": _no_json(BODY * 2),
    "a name twice": _no_json(BODY.replace(b'"quantity": 1', b'"quantity": 1, "quantity": 2')),
    "too deep a list": _no_json(b"[" * 30_000 + b"]" * 30_000),
    "too deep an object": _no_json(b'{"a":' * 10_000),
    "no key": _key(None),
    "an empty key": _key(""),
    "a long key": _key("x" * 256),
    "a key in UTF-8": _key("café"),
    "a key with a tab": _key("a\tb"),
    "a key with DEL": _key("\x7f"),
    "two keys": _key("a", "b"),
    "one byte too many": BadOrder(413, "body-too-large", BODY + b" " * (LIMIT + 1 - len(BODY))),
    "plain text": _kind("text/plain"),
    "a form": _kind("application/x-www-form-urlencoded"),
    "JSON with padding": _kind("application/jsonp"),
    "half a kind": _kind("json"),
    "an empty kind": _kind(""),
    "no kind": _kind(None),
    "two kinds": _kind("application/json", "text/plain"),
    "compressed": BadOrder(415, "unsupported-media-type", replaced=(("Content-Encoding", "gzip"),)),
    **{
        f"{body} for an order": BadOrder(422, "unprocessable", body.encode())
        for body in ("null", "[]", "1", '"text"', "true", "{}")
    },
    "no line": _unfit("items", items=[]),
    "a product twice": _unfit("items", items=[LINE] * 2),
    "51 lines": _unfit("items", items=[{**LINE, "product_id": n} for n in range(1, 52)]),
    "an object for lines": _unfit("items", items=LINE),
    "lines that are null": _unfit("items", items=None),
    "a list for a line": _unfit("items.0", items=[[]]),
    "no quantity": _unfit("items.0.quantity", items=[{"product_id": 1}]),
    **{
        f"quantity {str(value)[:9]!s} ({type(value).__name__})": _bad_line("quantity", value)
        for value in (0, 100, True, "1", 1.0, None, 10**400)
    },
    **{
        f"product {str(value)[:20]} ({type(value).__name__})": _bad_line("product_id", value)
        for value in (-1, 2**63, 10**400, "1")
    },
    "a price in the line": _bad_line("unit_price_idr", 1),
    "no customer": _unfit("customer", customer=None),
    "a customer without a name": _unfit("customer.name", customer={}),
    "a list for a customer": _unfit("customer", customer=["Sari"]),
    "an empty name": _bad_customer("name", ""),
    "a name that shows nothing": _bad_customer("name", "\u200b"),
    "a long name": _bad_customer("name", "x" * 101),
    "a name of two lines": _bad_customer("name", "two\nlines"),
    "a name with NUL": _bad_customer("name", "NUL\0"),
    "half a character": _bad_customer("name", "\ud800"),
    "a number for a name": _bad_customer("name", 1),
    "no address for mail": _bad_customer("email", "nobody"),
    "two @": _bad_customer("email", "a@b@c.d"),
    "an empty address": _bad_customer("address", "   "),
    "a long address": _bad_customer("address", "x" * 501),
    "a telephone": _bad_customer("phone", "1"),
    **{
        f"total {value} ({type(value).__name__})": _unfit(
            "expected_total_idr", expected_total_idr=value
        )
        for value in (-1, "1", 1.5, True, 10**16)
    },
    "a status": _unfit("status", status="confirmed"),
    "a prototype": _unfit("__proto__", __proto__={}),
}


def typical(cases: Mapping[str, BadOrder]) -> dict[str, BadOrder]:
    """The first of each answer, and the first with a header of each kind."""
    first: dict[object, str] = {}
    for name, case in cases.items():
        first.setdefault((case.status, *{header for header, _ in case.replaced}), name)
    return {name: cases[name] for name in first.values()}


BAD_QUERIES: Mapping[str, str] = {
    **dict.fromkeys(("page=0", "page=-1", "page=x", "page=1.5", f"page={10**30}"), "page"),
    **dict.fromkeys(("page_size=0", "page_size=101"), "page_size"),
    "sort=rating": "sort",
    "min_price=-1": "min_price",
    "max_price=x": "max_price",
    f"max_price={10**30}": "max_price",
    "ids=1,x": "ids",
    f"ids={','.join('1' * 60)}": "ids",
    f"q={'x' * 101}": "q",
}

TEXTS = (
    "' OR '1'='1",
    "'; DROP TABLE orders; --",
    "%' AND 1=1 --",
    "\\'",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}<%= 7*7 %>{% raw %}",
    "${jndi:ldap://x}",
    "../../../../etc/passwd",
    "\x00",
    "\r\nSet-Cookie: forged=1",
    "%00%0d%0aSet-Cookie:x=y",
    "\u202e\u0000\ufeff\U0001f48e",
    "\x1b[2J",
    "a" * 2000,
    "%s%n%x",
    "-1",
    "1e309",
    "NaN",
    "null",
    "\u0130\u0131\u1e9e",
    "\ufdfa" * 90,
    "%",
    "_",
    "*",
)
TEXT_IDS = [ascii(text)[:40] for text in TEXTS]

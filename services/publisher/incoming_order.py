"""What a request must be before it counts as an order. The checks go from cheap to dear, and
each refusal has its own status."""

import json
import re
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError
from starlette.requests import Request

from contracts.headers import GUEST, IDEMPOTENCY_KEY
from contracts.identifiers import parse_uuid
from contracts.orders import OrderRequest
from contracts.problems import GuestRequired
from servicekit.http_server.body import read_body
from servicekit.problems import (
    BadRequest,
    UnsupportedMediaType,
    invalid,
)

_KEY = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True)
class IncomingOrder:
    guest_id: UUID
    idempotency_key: str
    request: OrderRequest


async def read_order(request: Request) -> IncomingOrder:
    """The validated order; raises the `Problem` that says what is wrong with it."""
    guest_id = _guest_of(request)
    key = _idempotency_key_of(request)
    _require_json(request)
    document = _parse(await _read_whole(request))
    try:
        order = OrderRequest.model_validate(document)
    except ValidationError as error:
        raise invalid(error, "The order is not valid; see `errors`.") from None
    return IncomingOrder(guest_id, key, order)


def _only_value(request: Request, name: str) -> str | None:
    """The header's value, None if it is absent or there more than once."""
    values = request.headers.getlist(name)
    return values[0].strip(" \t") if len(values) == 1 else None


def _guest_of(request: Request) -> UUID:
    guest_id = parse_uuid(_only_value(request, GUEST))
    if guest_id is None:
        raise GuestRequired("An order needs a guest; nothing was ordered.")
    return guest_id


def _idempotency_key_of(request: Request) -> str:
    value = _only_value(request, IDEMPOTENCY_KEY)
    if value is None or not _KEY.fullmatch(value):
        raise BadRequest(
            f"Send exactly one {IDEMPOTENCY_KEY} header of 1 to 255 printable ASCII characters; "
            "repeat it to repeat the order."
        )
    return value


def _require_json(request: Request) -> None:
    media_type = (_only_value(request, "Content-Type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("Send the order as application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the order without a content encoding.")


async def _read_whole(request: Request) -> bytes:
    body = await read_body(request.scope, request.receive)
    if body is None:
        raise BadRequest("The body did not arrive whole.")
    return body


def _parse(body: bytes) -> object:
    """The JSON document. Stricter than Python's parser: no NaN or Infinity, UTF-8 only, and no
    name twice in an object, since two readers could take two different orders from it."""
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON (RFC 8259, each name once).") from None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name appears twice")
    return members


def _refuse_constant(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")

"""The fields of a form that a browser sends."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request

from servicekit.problems import UnsupportedMediaType

_FORM = "application/x-www-form-urlencoded"
# A cart of `MAX_LINES` lines with the order form beneath it.
_MAX_FIELDS = 70


async def read_form(request: Request) -> Mapping[str, str]:
    """The last value of each field. Raises for any other kind of body: no form of the shop
    sends files."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise UnsupportedMediaType(f"Send the form as {_FORM}.")
    async with request.form(max_fields=_MAX_FIELDS, max_files=0) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


# Parameter of handlers.
FormFields = Annotated[Mapping[str, str], Depends(read_form)]

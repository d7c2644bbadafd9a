"""Parts of an API's description (OpenAPI 3.1): problems, and the schemas of models."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from servicekit.problems import MEDIA_TYPE, Problem

_TEMPLATE = "#/components/schemas/{model}"


class FieldError(BaseModel):
    field: str = Field(examples=["items.0.quantity"])
    message: str = Field(examples=["must be at most 99"])


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(examples=["urn:arloji:problem:unprocessable"])
    title: str
    status: int
    detail: str = Field(description="What to do about it")
    instance: str = Field(description="The path that was asked for")
    trace_id: str | None = Field(description="Names this request in traces and logs")
    errors: list[FieldError] | None = None


def reference_to(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(model=model.__name__)}


def problem_responses(*kinds: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """Each status once, with one example per kind."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status,
            {
                "description": kind.title,
                "content": {MEDIA_TYPE: {"schema": reference_to(ProblemDetails), "examples": {}}},
            },
        )
        response["content"][MEDIA_TYPE]["examples"][kind.slug] = {
            "summary": kind.title,
            "value": {
                "type": f"urn:arloji:problem:{kind.slug}",
                "title": kind.title,
                "status": kind.status,
                "detail": "What to do about it.",
                "instance": "/api/orders",
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            },
        }
    return responses


def schemas_of(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """For `components.schemas`: the models and what they are made of."""
    _, document = models_json_schema(
        [(model, "validation") for model in models], ref_template=_TEMPLATE
    )
    definitions: dict[str, Any] = document["$defs"]
    return definitions

"""The gateway's description of the API (OpenAPI 3.1), as far as the page for people shows it."""

import json
from typing import Any

from pydantic import BaseModel, Field


class Parameter(BaseModel):
    name: str
    place: str = Field(alias="in")
    description: str = ""
    required: bool = False
    kind: dict[str, Any] = Field(alias="schema", default_factory=dict)

    @property
    def values(self) -> str:
        """What may be sent: `1…100`, `name, price`, `string`."""
        if choices := self.kind.get("enum"):
            return ", ".join(map(str, choices))
        if "minimum" in self.kind and "maximum" in self.kind:
            return f"{self.kind['minimum']}…{self.kind['maximum']}"
        return str(self.kind.get("format") or self.kind.get("type", ""))


class Content(BaseModel):
    example: Any = None

    @property
    def text(self) -> str:
        shown = json.dumps(self.example, indent=2, ensure_ascii=False)
        return "" if self.example is None else shown


class Body(BaseModel):
    description: str = ""
    content: dict[str, Content] = Field(default_factory=dict)

    @property
    def example(self) -> str:
        return next((content.text for content in self.content.values()), "")


class Operation(BaseModel):
    summary: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = Field(alias="requestBody", default=None)
    responses: dict[str, Body] = Field(default_factory=dict)


class Info(BaseModel):
    description: str = ""


class ApiDescription(BaseModel):
    info: Info = Field(default_factory=Info)
    # By path and method.
    paths: dict[str, dict[str, Operation]] = Field(default_factory=dict)

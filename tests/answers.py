"""What a test expects in an answer and does not find is said together with what is there: the
problem behind a missing field would be a bare `KeyError` else."""

import json
from typing import Any

import httpx

_find_header = httpx.Headers.__getitem__


class NotInTheAnswer(KeyError):
    def __str__(self) -> str:
        return str(self.args[0])


class Described(dict[str, Any]):
    """A dictionary that says what it has when it is asked for something else."""

    def __missing__(self, name: str) -> Any:
        raise NotInTheAnswer(f"no {name!r} in {dict(self)!r:.1000}")


def _read_json(answer: httpx.Response, **_options: Any) -> Any:
    return json.loads(answer.content, object_hook=Described)


def _read_header(headers: httpx.Headers, name: str) -> str:
    try:
        return _find_header(headers, name)
    except KeyError:
        raise NotInTheAnswer(f"no {name!r} in {headers!r:.1000}") from None


def explain_missing() -> None:
    """From now on, in every answer to an httpx client of this process."""
    httpx.Response.json = _read_json  # type: ignore[method-assign, assignment]
    httpx.Headers.__getitem__ = _read_header  # type: ignore[method-assign]

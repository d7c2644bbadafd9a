"""Imported first by a process that serves: what it loads stays, so that there is nothing to collect
before it is ready (`http_server/server.py`). A tenth of what a start costs was spent looking."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

gc.disable()
# FastAPI loads all of it, only to refuse models of that kind; without it, it refuses none.
sys.modules["pydantic.v1"] = None  # type: ignore[assignment]


def _server(name: str) -> Any:
    if name != "Server":
        raise AttributeError(name)
    return importlib.import_module("uvicorn.server").Server


# uvicorn's command line, with click and what supervises more processes; its server is elsewhere.
_main = ModuleType("uvicorn.main")
_main.__dict__.update(main=None, run=None, __getattr__=_server)
sys.modules["uvicorn.main"] = _main


@contextmanager
def models_built_when_used() -> Iterator[None]:
    """Models that are defined meanwhile are not built before somebody validates by them. FastAPI
    has those of all of OpenAPI, which take half of its import."""
    from pydantic import BaseModel, ConfigDict

    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        yield
    finally:
        BaseModel.model_config = usual

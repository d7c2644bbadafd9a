"""The templates and what Jinja makes of them, which is kept where Python keeps its own byte-code:
to compile them takes a sixth of the start of the frontend.

`python -m services.frontend.templates_compiled` does so for whoever cannot write there later."""

import hashlib
import re
import sys
from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from jinja2.ext import Extension

_VERSIONED = Path(__file__)
_HERE = _VERSIONED.parent


class _Indentation(Extension):
    """Templates are indented for their readers only: a tenth of a page. No text of theirs needs
    it; what is filled in stays as it is."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"\n[ \t]+", "\n", source)


class _Kept(FileSystemBytecodeCache):
    """Written as Python's own is: not if that is not wanted, or cannot be."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with suppress(OSError):
            super().dump_bytecode(bucket)
            # Jinja's are for their owner alone, who in an image is not who reads them.
            Path(self._get_cache_filename(bucket)).chmod(0o644)


def create_environment(kept_in: Path = _HERE / "__pycache__") -> Environment:
    """Without what pages fill in."""
    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=[_Indentation],
        bytecode_cache=_kept(kept_in),
    )


def _kept(folder: Path) -> FileSystemBytecodeCache:
    # Jinja knows what is kept by the template's text, but not by the options above or its version.
    options = _VERSIONED.read_bytes() + jinja2.__version__.encode()
    version = hashlib.sha256(options).hexdigest()[:12]
    return _Kept(str(folder), f"template-{sys.implementation.cache_tag}-{version}-%s.cache")


def compile_templates(environment: Environment) -> None:
    """All of them: no guest waits for it."""
    for name in environment.list_templates():
        environment.get_template(name)


if __name__ == "__main__":
    compile_templates(create_environment())

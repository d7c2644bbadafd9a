"""JSON in few characters, all of them fit for a cookie."""

import json
import zlib
from collections.abc import Mapping
from typing import Any

from itsdangerous.encoding import base64_decode, base64_encode


def encode(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64_encode(zlib.compress(text.encode("utf-8", "replace"), 9)).decode()


def decode(text: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = json.loads(zlib.decompress(base64_decode(text)))
    return value

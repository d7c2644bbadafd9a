"""Addresses of watches, and who takes a compressed file."""

import re

import pytest

from services.frontend.assets import find_watch, watch_url
from services.frontend.routes.static import takes_gzip
from watch_faces import draw_image, drawing_version, write_code


@pytest.mark.parametrize(
    "face", ["dial=ink;mm=40", "", "a/../b?c#d", "mm=45;text=200 M", "\ud800", "é\x00"]
)
def test_an_address_has_the_whole_watch_and_nothing_that_a_browser_would_change(face: str) -> None:
    prefix = f"/static/watches/face-{drawing_version()}/"
    address = watch_url(face)
    assert re.fullmatch(f"{prefix}[a-zA-Z0-9-]+[.]svg", address)
    found = find_watch("face", address.removeprefix(prefix).removesuffix(".svg"))
    assert found
    assert found.content == draw_image(face)


def test_another_version_has_the_same_watch_at_another_address() -> None:
    old, new = find_watch("face-000000000000", "dial=ink"), find_watch("face", "dial=ink")
    assert old is not None
    assert new is not None
    assert old.content == new.content
    assert not "/static/watches/face-000000000000/dial=ink.svg".startswith(old.address)
    # By code or, as pages once did, by its instructions.
    assert new == find_watch("face", write_code("dial=ink"))
    assert find_watch("other-000000000000", "dial=ink") is None


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        *(("gzip", True), ("gzip, deflate, br", True), ("br;q=1, GZIP;q=0.5", True)),
        *(("", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.000", False)),
        *(("x-gzip", False), ("*", False), ("identity", False)),
    ],
)
def test_gzip_is_sent_to_who_takes_it(header: str, taken: bool) -> None:
    assert takes_gzip(header) is taken

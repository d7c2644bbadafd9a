import pytest

from servicekit.http_server.request_head import (
    Target,
    read_target,
    require_sound_head,
    without_upgrade,
)
from servicekit.problems import BadRequest

HOST = (b"host", b"shop.example:8080")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"/", Target(b"/", b"")),
        (b"/a/b?c=d?e#f", Target(b"/a/b", b"c=d?e")),
        (b"//b/c", Target(b"//b/c", b"")),
        (b"http://b", Target(b"/", b"", b"b")),
        (b"HTTP://b:81?x/y", Target(b"/", b"x/y", b"b:81")),
        (b"https://[::1]:81/a?b", Target(b"/a", b"b", b"[::1]:81")),
    ],
)
def test_a_target_is_a_path_or_names_its_host(target: bytes, expected: Target) -> None:
    assert read_target(target) == expected


@pytest.mark.parametrize(
    ("raw_path", "path"),
    [(b"/a%20b", "/a b"), (b"/%00", "/\0"), (b"/%ff", "/\ufffd"), (b"/%zz%", "/%zz%")],
)
def test_a_path_is_decoded_whatever_it_is(raw_path: bytes, path: str) -> None:
    assert Target(raw_path, b"").path == path


@pytest.mark.parametrize("host", [b"a", b"a:1", b"[::1]", b"[::1]:80", b"", b"a_b.example:"])
def test_a_host_with_an_optional_port_is_sound(host: bytes) -> None:
    require_sound_head("1.1", [(b"host", host)])


@pytest.mark.parametrize(
    "host", [b"a/b", b"a?b", b"a b", b"a@b", b"a:b", b"[::1", b"a\\b", b"\xe9"]
)
def test_any_other_host_is_refused(host: bytes) -> None:
    with pytest.raises(BadRequest):
        require_sound_head("1.1", [(b"host", host)])


def test_a_value_in_some_encoding_is_sound() -> None:
    for value in (b"caf\xc3\xa9", b"caf\xe9", b"a\\b"):
        require_sound_head("1.1", [HOST, (b"user-agent", value)])


def test_without_its_offer_a_head_is_the_same() -> None:
    headers = [
        HOST,
        (b"connection", b"close, Upgrade, HTTP2-Settings"),
        (b"upgrade", b"h2c"),
        (b"http2-settings", b"AAMAAABk"),
        (b"x", b""),
    ]
    assert without_upgrade(b"GET / HTTP/1.1", headers) == (
        b"GET / HTTP/1.1\r\nhost: shop.example:8080\r\nconnection: close\r\nx: \r\n\r\n"
    )

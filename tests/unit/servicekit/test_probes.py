"""Which URL is probed; tests/integration/servicekit/test_probes.py asks real sockets."""

import pytest

from servicekit import probes


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:8080/healthz"),
        ({"HOST": "", "PORT": ""}, "http://127.0.0.1:8080/healthz"),
        ({"ARLOJI_PORT_OFFSET": "100"}, "http://127.0.0.1:8180/healthz"),
        ({"HOST": "0.0.0.0", "PORT": "8081"}, "http://127.0.0.1:8081/healthz"),
        ({"HOST": "::", "PORT": "8081"}, "http://[::1]:8081/healthz"),
        ({"HOST": "10.0.0.7", "PORT": "8081"}, "http://10.0.0.7:8081/healthz"),
        ({"HOST": "fd00::7", "PORT": "8081"}, "http://[fd00::7]:8081/healthz"),
    ],
)
def test_the_default_is_the_service_of_this_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str
) -> None:
    for name in ("HOST", "PORT", "ARLOJI_PORT_OFFSET"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert probes.default_url("/healthz") == url


@pytest.mark.parametrize(
    "url", ["https://a/", "localhost:8080", "http://", "http://[::", "http://a:x/"]
)
def test_what_cannot_be_probed_is_a_failure_in_one_line(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert probes.main([url]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"{url}: ")
    assert output.err.count("\n") == 1

"""What programs that we start inherit: known names, and no proxy for loopback."""

import pytest

from local import inherited
from servicekit.embedded import InvalidRun

PROXY = {"http_proxy": "http://proxy:3128", "ALL_PROXY": "socks5://proxy"}


@pytest.mark.parametrize(
    "said", [{}, {"NO_PROXY": "example.com"}, {"no_proxy": "example.com, .lan", "NO_PROXY": "x"}]
)
def test_loopback_is_never_asked_of_a_proxy(said: dict[str, str]) -> None:
    let_through = inherited.for_shop(PROXY | said)
    assert let_through["no_proxy"] == let_through["NO_PROXY"]
    names = let_through["NO_PROXY"].split(",")
    assert names[-4:] == ["localhost", "127.0.0.1", "127.0.0.0/8", "::1"]
    wanted = said.get("no_proxy") or said.get("NO_PROXY") or ""
    assert names[:-4] == [name.strip() for name in wanted.split(",") if name]
    assert let_through.items() >= PROXY.items()


def test_no_proxy_for_anything_is_no_proxy() -> None:
    assert set(inherited.for_shop(PROXY | {"NO_PROXY": "*"})) == {"PYTHONUTF8"}


@pytest.mark.parametrize(
    ("who", "names"),
    [
        ("", "HOST LOG_LEVEL_FILE MY_ARLOJI_DATA HOMEBREW_PREFIX OTEL_SERVICE_NAME"),
        ("", "PIP_USER PIP_TARGET PIP_REQUIRE_HASHES PYTHONPATH"),
        (
            "shop pip tests",
            "PATH HOME USER LOGNAME TMPDIR TZ LANG LC_ALL TERM NO_COLOR LD_LIBRARY_PATH",
        ),
        (
            "shop pip tests",
            "SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE REQUESTS_CA_BUNDLE https_proxy",
        ),
        ("shop", "ARLOJI_DATA OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_BSP_SCHEDULE_DELAY"),
        ("shop", "OTEL_SDK_DISABLED OTEL_LOGS_EXPORTER OTEL_RESOURCE_ATTRIBUTES OTEL_PROPAGATORS"),
        (
            "pip tests",
            "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_NO_INDEX PIP_CONFIG_FILE",
        ),
        (
            "pip tests",
            "PIP_TRUSTED_HOST PIP_CERT PIP_CLIENT_CERT PIP_PROXY PIP_RETRIES PIP_TIMEOUT",
        ),
        ("pip tests", "PIP_CACHE_DIR PIP_KEYRING_PROVIDER NETRC XDG_CONFIG_HOME"),
        ("tests", "DOCKER_HOST COMPOSE_FILE GOPROXY GIT_SSL_CAINFO PYTEST_ADDOPTS REQUIRE_ALL CI"),
    ],
)
def test_each_gets_what_it_is_told_by_and_nothing_else(who: str, names: str) -> None:
    told = dict.fromkeys(names.split(), "x")
    each = {
        "shop": inherited.for_shop(told),
        "pip": inherited.for_pip(told),
        "tests": inherited.for_tests(told),
    }
    for name, let_through in each.items():
        assert told.keys() & let_through.keys() == (told.keys() if name in who.split() else set())


def test_a_load_run_is_told_which_shop_the_shell_means() -> None:
    let_through = inherited.for_load(
        {"ARLOJI_PORT_OFFSET": "7", "ARLOJI_DATA": "/d", "LOCUST_HOST": "x"}
    )
    assert let_through["LOCUST_HOST"] == "http://127.0.0.1:8087"
    assert let_through["LOAD_RESULTS"] == "/d/load"
    with pytest.raises(InvalidRun):
        inherited.for_load({"ARLOJI_PORT_OFFSET": "many"})

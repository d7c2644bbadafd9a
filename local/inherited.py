"""What a program that we start inherits from the environment in which we were started.

Lists of what is let through, each with its reason: shells and CI systems carry more than anybody
could list, in names as plain as HOST, PORT and LOG_LEVEL. docs/decisions/0018 says more. Standard
library only: setting up begins here, before there is any package.
"""

import os
import re
from collections.abc import Mapping

from servicekit.embedded import read_data_folder, read_ports

Environment = Mapping[str, str]

_ANYWHERE = (
    r"PATH|HOME|USER|LOGNAME|TMPDIR|TZ"  # programs, files and the time of this user
    r"|LANG|LC_\w+|TERM|NO_COLOR"  # what the terminal can show
    r"|LD_LIBRARY_PATH|DYLD_\w*LIBRARY_PATH"  # some Pythons find their own libraries only so
    r"|(?i:https?_proxy|all_proxy|no_proxy)"  # the way out, for whoever has to get out
    r"|SSL_CERT_(?:FILE|DIR)|(?:REQUESTS|CURL)_CA_BUNDLE"  # certificates of one's own network
)
_RUN = r"ARLOJI_\w+"
# What the OpenTelemetry specification names, for all signals and for each. Not the service's
# name, since there are five of them, nor what instrumentations of other programs are told.
_TELEMETRY = (
    r"OTEL_EXPORTER_OTLP_\w+|OTEL_(?:TRACES|METRICS|LOGS)_\w+|OTEL_(?:BSP|BLRP|METRIC)_\w+"
    r"|OTEL_RESOURCE_ATTRIBUTES|OTEL_SDK_DISABLED|OTEL_PROPAGATORS"
)
# Where pip finds packages, and how it gets there; see local/pip.py.
_PIP = (
    r"PIP_(?:(?:EXTRA_)?INDEX_URL|FIND_LINKS|NO_INDEX|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY"
    r"|KEYRING_PROVIDER|USE_FEATURE|(?:DEFAULT_)?TIMEOUT|RETRIES|(?:NO_)?CACHE_DIR)"
)
_PIP_FILES = r"PIP_CONFIG_FILE|NETRC|XDG_\w+|DBUS_SESSION_BUS_ADDRESS"
# Docker, Go and pytest are told by the one who runs our tests where and how they work.
_TESTS = (
    r"DOCKER_\w+|COMPOSE_\w+|BUILDKIT_\w+|BUILDX_\w+|SSH_AUTH_SOCK"
    r"|GO(?:PROXY|SUMDB|NOSUMDB|PRIVATE|NOPROXY|INSECURE|AUTH|PATH|MODCACHE|CACHE|ROOT|TOOLCHAIN)"
    r"|GIT_SSL_\w+|PYTEST_\w+|REQUIRE_ALL|LONG_TESTS|CLUSTER_TESTS_\w+|SCREENSHOT|CI"
)
# Never asked of a proxy, by the rules of urllib, requests and curl.
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")


def for_shop(environment: Environment = os.environ) -> dict[str, str]:
    """For all that belongs to the embedded run, the commands for it included."""
    return _let_through(environment, _ANYWHERE, _RUN, _TELEMETRY)


def for_load(environment: Environment = os.environ) -> dict[str, str]:
    """For Locust, which is told by its own variables which run is meant. Raises `InvalidRun`."""
    return for_shop(environment) | {
        "LOCUST_HOST": read_ports(environment).url("frontend"),
        "LOAD_RESULTS": str(read_data_folder(environment) / "load"),
    }


def for_pip(environment: Environment = os.environ) -> dict[str, str]:
    return _let_through(environment, _ANYWHERE, _PIP, _PIP_FILES)


def for_tests(environment: Environment = os.environ) -> dict[str, str]:
    return _let_through(environment, _ANYWHERE, _PIP, _PIP_FILES, _TESTS)


def _let_through(environment: Environment, *patterns: str) -> dict[str, str]:
    allowed = re.compile("|".join(patterns))
    chosen = {name: value for name, value in environment.items() if allowed.fullmatch(name)}
    # Files and messages are UTF-8 whatever the locale says; for the terminal: local/console.py.
    return _without_proxy_for_loopback(chosen) | {"PYTHONUTF8": "1"}


def _without_proxy_for_loopback(environment: dict[str, str]) -> dict[str, str]:
    said = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in said.split(",") if name.strip()]
    if "*" in names:  # understood by some only, and by nobody beside other names
        return {name: value for name, value in environment.items() if "proxy" not in name.lower()}
    without = ",".join(dict.fromkeys([*names, *_LOOPBACK]))
    return environment | {"no_proxy": without, "NO_PROXY": without}

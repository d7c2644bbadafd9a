"""The shop on other people's machines: folders, limits and variables that are not ours."""

import importlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from local.layout import ROOT
from local.plan import SERVICES
from tests.e2e.conftest import Guest, eventually
from tests.stack import RunningStack, processes_of
from tools import environment

pytestmark = pytest.mark.e2e

ODD = "-100% #1 d'été? $HOME \"&;*"
NOWHERE = "/nowhere at all"
# Nobody listens there.
PROXY = "http://127.0.0.1:9"
MAKE = "PYTHON OPTIONS TESTS JOBS URL STEPS SECONDS USAGE WORKERS VENV IN LOCK PARALLEL LIVE"
PIP = "USER PREFIX TARGET ROOT REQUIRE_VIRTUALENV NO_BINARY DRY_RUN QUIET LOG CONSTRAINT"
HOSTILE = {
    # Python
    **dict.fromkeys(("PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "VIRTUAL_ENV"), NOWHERE),
    **dict.fromkeys(("PYTHONSAFEPATH", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONVERBOSE"), "1"),
    **{"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "PYTHONUTF8": "0"},
    **{"PYTHONIOENCODING": "ascii", "PYTHONCOERCECLOCALE": "0", "PYTHONHASHSEED": "1"},
    **dict.fromkeys(("CONDA_PREFIX", "UV_PROJECT_ENVIRONMENT", "PIPENV_ACTIVE"), NOWHERE),
    # pip, make
    **{f"PIP_{name}": NOWHERE for name in PIP.split()},
    **dict.fromkeys(MAKE.split(), "/foreign"),
    "MAKEFLAGS": "-e -k -j8 --output-sync=target --warn-undefined-variables",
    # proxies, certificates
    **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), PROXY),
    **dict.fromkeys(("all_proxy", "ALL_PROXY"), "socks5h://127.0.0.1:9"),
    "NO_PROXY": "example.com",
    **dict.fromkeys(("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"), NOWHERE),
    # terminals
    **{"LC_ALL": "C", "LANG": "tlh_QS.klingon", "TERM": "dumb", "COLUMNS": "7", "NO_COLOR": "1"},
    # OpenTelemetry, as somebody else's program is told
    **{"OTEL_SERVICE_NAME": "foreign", "OTEL_PYTHON_EXCLUDED_URLS": ".*"},
    **{"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,sqlalchemy", "OTEL_CONFIG_FILE": NOWHERE},
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": ".*",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "none",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
    # other programs
    **{"LOCUST_HOST": "http://foreign", "LOAD_STEPS": "many", "REDIS_URL": "foreign"},
    **{"SQLALCHEMY_WARN_20": "1", "BASH_ENV": NOWHERE, "ENV": NOWHERE, "CDPATH": "/"},
}


def settings_of_all() -> set[str]:
    """Every name that a service reads: another program may have it too."""
    return {
        field.upper()
        for service in SERVICES
        for field in importlib.import_module(
            f"services.{service.replace('-', '_')}.settings"
        ).Settings.model_fields
    }


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This repository in a folder whose name means something to everybody who parses it; the
    packages are those of the tests."""
    assert environment.is_current("local") or environment.is_current("test"), "run `make test`"
    folder = tmp_path_factory.mktemp("home") / ODD
    leave = shutil.ignore_patterns(".*", "var", "__pycache__", "docs", "tests")
    shutil.copytree(ROOT, folder, ignore=leave)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def be_elsewhere() -> None:
    """A shell with few open files and files for everybody."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    os.umask(0)


@pytest.fixture(scope="module")
def hostile_stack(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("data") / ODD
    foreign = tmp_path_factory.mktemp("foreign")
    for module in ("local", "httpx", "json", "sitecustomize"):
        (foreign / f"{module}.py").write_text("raise SystemExit('somebody else')")
    names = settings_of_all()
    hostile = {
        **HOSTILE,
        "PYTHONPATH": str(foreign),
        **dict.fromkeys(names, "foreign"),
        **{f"{name}_FILE": NOWHERE for name in names},
    }
    stack = RunningStack(
        data,
        environment=hostile,
        before=be_elsewhere,
        command=["make", "run", f"PYTHON={sys.executable}"],
        folder=clone,
        stopped_by=signal.SIGTERM,  # Ctrl-C is for all of a terminal, this for make alone
    )
    with stack:
        yield stack


def test_the_shop_runs_and_its_telemetry_arrives(hostile_stack: RunningStack) -> None:
    with closing(Guest(hostile_stack.shop_url)) as guest:
        answer = guest.post_order({guest.product()["product_id"]: 1})
        assert answer.status_code == 202, answer.text
        assert guest.wait_for_end(answer.json()["order_id"])["status"] == "confirmed"
    trace_id = answer.headers["traceresponse"].split("-")[1]
    url = f"{hostile_stack.telemetry_url}/api/traces/{trace_id}"
    eventually(
        lambda: httpx.get(url, trust_env=False).text,
        lambda text: '"stringValue":"frontend"' in text and '"stringValue":"consumer"' in text,
    )
    assert "ended (" not in hostile_stack.output()


def test_the_demo_plays_and_can_be_read_in_that_terminal(hostile_stack: RunningStack) -> None:
    played = subprocess.run(
        ["make", "demo", f"PYTHON={sys.executable}"],
        cwd=hostile_stack.folder,
        env=hostile_stack.environment,
        preexec_fn=be_elsewhere,
        capture_output=True,
        timeout=90,
    )
    said = played.stdout.decode("ascii")
    assert played.returncode == 0, (said, played.stderr)
    assert "`- consumer" in said
    assert "orders.status" in said


def test_what_children_inherit_is_a_known_list(hostile_stack: RunningStack) -> None:
    for name in SERVICES:
        text = Path(f"/proc/{hostile_stack.pid(name)}/environ").read_text()
        assert "foreign" not in text
        inherited = dict(line.partition("=")[::2] for line in text.split("\0") if line)
        assert set(inherited) & (set(HOSTILE) - {"OTEL_CONFIG_FILE"}) <= {
            *("LC_ALL", "LANG", "TERM", "NO_COLOR", "NO_PROXY", "PYTHONUTF8"),
            *("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
            *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        }
        assert "127.0.0.1" in inherited["NO_PROXY"]
        limits = Path(f"/proc/{hostile_stack.pid(name)}/limits").read_text()
        files = re.search(r"Max open files +(\d+)", limits)
        # What the launcher sees to; a service raises it further for its connections.
        assert files is not None
        assert int(files[1]) >= 4096


def test_it_ends_with_make_and_leaves_nothing_but_files_for_its_owner(
    hostile_stack: RunningStack,
) -> None:
    kept = [hostile_stack.data, *hostile_stack.data.rglob("*")]
    assert [path for path in kept if path.lstat().st_mode & 0o077] == []
    hostile_stack.stop()
    eventually(lambda: processes_of(hostile_stack.data), lambda left: not left)

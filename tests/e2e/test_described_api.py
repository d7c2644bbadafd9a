"""The public API does what its description says: Schemathesis makes requests of it, and against it,
and compares every answer. Both doors publish the same description."""

import itertools
import json
import os
import re
import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Guest
from tests.processes import CLEAN, ROOT
from tests.stack import RunningStack

LONG = os.environ.get("LONG_TESTS") == "1"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(5400 if LONG else 1800)]

# Cases in all, and the limit of one run for each operation and phase, which not all reach.
WANTED = {"frontend": 7_000, "api-gw": 3_000} if LONG else {"frontend": 600, "api-gw": 400}
EXAMPLES = {"frontend": 200, "api-gw": 100} if LONG else {"frontend": 32, "api-gw": 15}
# Documented, and what a busy machine may say; never 500 nor 502.
REFUSALS = """
[checks.not_a_server_error]
expected-statuses = ['2xx', '3xx', '4xx', 503, 504]
[checks.negative_data_rejection]
expected-statuses = ['4xx', 503, 504]
"""


def test_both_doors_publish_one_description(stack: RunningStack) -> None:
    documents = [httpx.get(f"{stack.url(door)}/api/openapi.json").json() for door in WANTED]
    assert documents[0] == documents[1]


@pytest.mark.parametrize("door", WANTED)
def test_the_api_is_as_it_is_described(stack: RunningStack, tmp_path: Path, door: str) -> None:
    seeds, count = itertools.count(17), 0
    while count < WANTED[door]:
        # A guest of its own each time: other runs make the same keys again.
        settings, options = _as_guest(stack, door)
        (tmp_path / "schemathesis.toml").write_text("\n".join([*settings, REFUSALS]))
        count += _ask(stack.url(door), tmp_path, "--seed", str(next(seeds)), *options)


def _as_guest(stack: RunningStack, door: str) -> tuple[list[str], list[str]]:
    """Lines of the configuration, and options of the command."""
    settings = [f"hooks = {json.dumps(str(Path(__file__).with_name('described_api_hooks.py')))}"]
    options = ["--max-examples", str(EXAMPLES[door]), "--continue-on-failure"]
    if door == "frontend":
        with closing(Guest(stack.shop_url)) as guest:
            token = guest.guest_cookie[1]
        return [*settings, "[auth.openapi.guest]", f"api_key = {json.dumps(token)}"], options
    # The frontend alone reads cookies; it names the guest.
    options += ["--header", f"X-Arloji-Guest: {uuid.uuid4()}"]
    options += ["--generation-with-security-parameters", "false"]
    return settings, [*options, "--exclude-checks", "ignored_auth"]


def _ask(url: str, folder: Path, *options: str) -> int:
    """How many cases it has made."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/openapi.json"]
    done = subprocess.run(
        [*command, "--url", url, "--no-color", "--no-shrink", *options],
        cwd=folder,
        env={**CLEAN, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    (count,) = re.findall(r"(\d+) generated", done.stdout)
    return int(count)

"""`make demo` and the commands of the README against a running shop."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.layout import ROOT
from tests.e2e.conftest import rows
from tests.stack import RunningStack

pytestmark = pytest.mark.e2e


def test_it_shows_the_row_and_the_trace_from_the_request_to_the_consumers_sql(
    stack: RunningStack,
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.demo"],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout
    found = re.search(r"order (\S+) is confirmed", ended.stdout)
    assert found is not None, ended.stdout
    (row,) = rows(stack, "SELECT * FROM orders WHERE order_id = ?", found[1])
    assert re.search(rf"orders\.order_id +{row['order_id']}", ended.stdout)
    assert re.search(rf"orders\.total_idr +{row['total_idr']}", ended.stdout)
    assert re.search(r"order_items\.quantity +1", ended.stdout)

    tree = ended.stdout.partition("Its trace")[2].splitlines()[1:]
    depths = [len(line) - len(line.lstrip("│├└─ ")) for line in tree]
    services = [line.lstrip("│├└─ ").split()[0] for line in tree]
    assert list(dict.fromkeys(services)) == ["frontend", "api-gw", "publisher", "consumer"]
    assert depths.count(0) == 1, "one root"
    first = [depths[services.index(name)] for name in dict.fromkeys(services)]
    assert first == sorted(set(first)), "each service below the one that called it"
    assert any("consumer" in line and "INSERT" in line for line in tree)
    assert "FAILED" not in "\n".join(tree)


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_what_the_readme_says_can_be_pasted_into_any_shell(
    stack: RunningStack, shell: str, tmp_path: Path
) -> None:
    program = shutil.which(shell)
    if program is None or shutil.which("curl") is None:
        pytest.skip(f"there is no {shell}, or no curl")
    (block,) = re.findall(r"^```sh\n(curl.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    done = subprocess.run(
        [program, "-c", block.replace("http://127.0.0.1:8080", stack.shop_url)],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    order_id = re.search(r'"order_id":"(\S+?)","status":"accepted","status_url"', done.stdout)
    assert order_id is not None, done.stdout
    # The list that the last command asks for has it too.
    assert done.stdout.count(f'"order_id":"{order_id[1]}"') == 2

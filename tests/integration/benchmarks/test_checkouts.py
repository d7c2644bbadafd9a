"""What `--against` checks out is gone afterwards, however that ends."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.checkouts import NoCheckout, checked_out
from local.layout import ROOT

pytestmark = pytest.mark.integration


def git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, input="")
    return done.stdout.strip()


@pytest.mark.parametrize("commit", ["no-such-commit", "before any make run"])
def test_a_commit_that_cannot_be_set_up_leaves_nothing(tmp_path: Path, commit: str) -> None:
    if commit != "no-such-commit":
        # A commit without any file: nothing there could set it up.
        commit = git("commit-tree", git("mktree"), "-m", "empty")
    what = "no-such-commit" if commit.startswith("no") else "make run"
    with pytest.raises(NoCheckout, match=what), checked_out(commit, tmp_path, print):
        pytest.fail("it was set up")
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in git("worktree", "list")

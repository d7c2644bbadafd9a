"""`python -m tools.alert_rules [--check]`: write the alert rules that follow from a table, and
their tests, or complain if what is there differs."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.alert_rules import objectives, silence

OBSERVABILITY = Path(__file__).parents[2] / "observability"


def render() -> Mapping[Path, str]:
    silence_rules, silence_tests = silence.render()
    written = {
        "alerts/objectives.yaml": ("tools/alert_rules/objectives.py", objectives.render()),
        "alerts/services.yaml": ("contracts/services.py", silence_rules),
        "alert-tests/services.yaml": ("contracts/services.py", silence_tests),
    }
    return {
        OBSERVABILITY / name: f"# Written by `python -m tools.alert_rules` from {source}.\n{text}"
        for name, (source, text) in written.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.alert_rules", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if not parser.parse_args(arguments).check:
        for path, text in render().items():
            path.write_text(text, encoding="utf-8")
        return 0
    wrong = [
        path
        for path, text in render().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in wrong:
        name = path.relative_to(OBSERVABILITY.parent)
        print(f"{name} is not what `python -m tools.alert_rules` writes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Nothing happens at import: no module opens, starts or computes anything before it is called."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("contracts", "database", "housekeeping", "servicekit", "services")
# Declarations are calls too: a table, a field of settings, a route.
MAX_CALLS = 50
# Whatever is done by one of our modules while it is imported, through however many libraries;
# what Python does to import a module is not counted.
OBSERVE = """
import importlib, json, sys, threading
import pydantic

folders, names = sys.argv[1].split(","), sys.argv[2:]
done, calls = [], dict.fromkeys(names, 0)

def is_ours(code):
    return code.co_filename.startswith(tuple(folders))

def watch(event, arguments):
    if not event.startswith(("open", "os.", "shutil.", "socket.", "sqlite3.", "subprocess.")):
        return
    frame = sys._getframe(1)
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        if is_ours(frame.f_code):
            done.append(f"{frame.f_code.co_filename}: {event} {arguments[:1]}")
            return
        frame = frame.f_back

def count(frame, event, _):
    is_function = frame.f_code.co_flags & 1  # CO_OPTIMIZED, as no body of a module or class is
    if event != "call" or not is_function or not is_ours(frame.f_code):
        return
    while frame and not (frame.f_code.co_name == "<module>" and is_ours(frame.f_code)):
        frame = frame.f_back
    if frame and frame.f_globals["__name__"] in calls:
        calls[frame.f_globals["__name__"]] += 1

# Pydantic looks for its plugins as the first model is made.
pydantic.create_model("First")
sys.addaudithook(watch)
sys.setprofile(count)
for name in names:
    importlib.import_module(name)
sys.setprofile(None)
done += [f"thread {one.name}" for one in threading.enumerate()[1:]]
print(json.dumps({"done": done, "calls": calls}))
"""


def modules() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            # Alembic runs its migrations; nobody imports them.
            if "migrations" not in path.parts:
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_importing_every_module_has_no_effect_and_computes_nothing() -> None:
    names = list(modules())
    folders = ",".join(f"{ROOT / package}/" for package in PACKAGES)
    observed = subprocess.run(
        [sys.executable, "-c", OBSERVE, folders, *names],
        cwd=ROOT,
        # Those that cannot be honoured are taken out by servicekit before anybody reads them.
        env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert observed.returncode == 0, observed.stderr
    found = json.loads(observed.stdout)
    assert found["done"] == []
    assert {name: n for name, n in found["calls"].items() if n > MAX_CALLS} == {}
    assert len(names) > 100
    # Else nothing was seen at all.
    assert sum(found["calls"].values()) > 0

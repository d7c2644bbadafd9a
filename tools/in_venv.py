"""Entry of `make`: says in one sentence what a Python that cannot be used lacks, then prepares
the environment and runs a command in it. This file must parse on every Python that may be
installed."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it runs before there is any minimum
    sys.exit(
        "Arloji needs Python 3.11 or newer, and %s is %s: install one and name it, for example "  # noqa: UP031
        "with `make run PYTHON=python3.12`." % (sys.executable, sys.version.split()[0])
    )

# Wherever we are started, and whatever a shell may have to say about that.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tools.environment import main

sys.exit(main(sys.argv[1], sys.argv[2:]))

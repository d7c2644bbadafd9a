"""Entry of `make`: says in one sentence what a Python that cannot be used lacks, then prepares
the environment. This file must parse on every Python that may be installed."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - it runs before there is any minimum
    sys.exit(
        "Arloji needs Python 3.11 or newer, and %s is %s: install one and name it, for example "  # noqa: UP031
        "with `make run PYTHON=python3.12`." % (sys.executable, sys.version.split()[0])
    )

from environment import main

sys.exit(main())

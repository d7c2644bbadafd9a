"""What the services share and that knows nothing of orders."""

import os

# The release, as in pyproject.toml; tests compare the two.
__version__ = "0.1.0"

# OpenTelemetry reads some variables as it is imported, and values that it cannot take end the
# process there. So all are taken away before; `configure_telemetry` puts back what it honours.
TAKEN_VARIABLES = {
    name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OTEL_")
}

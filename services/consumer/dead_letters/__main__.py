"""`python -m services.consumer.dead_letters`"""

import sys

from servicekit.telemetry.setup import configure_telemetry
from services.consumer.dead_letters.command import main

if __name__ == "__main__":
    telemetry = configure_telemetry("consumer", is_job=True)
    try:
        exit_code = main()
    finally:
        telemetry.shutdown()
    sys.exit(exit_code)

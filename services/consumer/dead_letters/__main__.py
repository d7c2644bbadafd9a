"""`python -m services.consumer.dead_letters`"""

import sys

from services.consumer.dead_letters.command import main

if __name__ == "__main__":
    sys.exit(main())

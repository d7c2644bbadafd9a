"""`python -m services.frontend`"""

import servicekit.quick_start  # noqa: F401  # before all that is loaded
from servicekit.http_server.serve import serve
from services.frontend.app import create_app
from services.frontend.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

"""`python -m services.api_gw`"""

import servicekit.quick_start  # noqa: F401  # before all that is loaded
from servicekit.http_server.serve import serve
from services.api_gw.app import create_app
from services.api_gw.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

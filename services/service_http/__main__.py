"""`python -m services.service_http`"""

import servicekit.quick_start  # noqa: F401  # before all that is loaded
from servicekit.http_server.serve import serve
from services.service_http.app import create_app
from services.service_http.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

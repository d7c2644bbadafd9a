"""`python -m services.frontend`"""

from servicekit.http_server.serve import serve
from services.frontend.app import create_app
from services.frontend.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

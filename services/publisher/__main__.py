"""`python -m services.publisher`"""

from servicekit.http_server.serve import serve
from services.publisher.app import create_app
from services.publisher.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

"""`python -m services.consumer`"""

from servicekit.http_server.serve import serve
from services.consumer.app import create_app
from services.consumer.settings import Settings

if __name__ == "__main__":
    serve(create_app, Settings)

"""`python -m alert_page`"""

from alert_page.app import create_app
from alert_page.settings import Settings
from servicekit.http_server.serve import serve

if __name__ == "__main__":
    serve(create_app, Settings)

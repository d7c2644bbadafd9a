"""The consumer as a small web app, so that probes, telemetry and the stop are those of all
services; its lifespan runs the loop."""

from functools import partial

from servicekit.http_server.service import ServiceApp, create_plain_app
from services.consumer.resources import open_resources
from services.consumer.settings import Settings


def create_app(settings: Settings) -> ServiceApp:
    return create_plain_app(settings, open_resources=partial(open_resources, settings))

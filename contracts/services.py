"""The services of the shop: the one list that whatever starts, replaces, watches or shows them is
derived from. Standard library only, since it is read before any package is installed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """`name` is that on the network and in telemetry, `port` that of the embedded run and of the
    containers."""

    name: str
    port: int

    @property
    def package(self) -> str:
        """Names of Python packages have no hyphens."""
        return self.name.replace("-", "_")


# From the outside in, as a request meets them.
SERVICES = (
    Service("frontend", 8080),
    Service("api-gw", 8081),
    Service("service-http", 8082),
    Service("publisher", 8083),
    Service("consumer", 8084),
)
SERVICE_NAMES = tuple(service.name for service in SERVICES)
# Each after those that it talks to: so they are started and replaced.
DEPENDENCY_ORDER = tuple(reversed(SERVICE_NAMES))

"""What service-http reads from its environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "service-http"

    port: Port = 8082
    database_url: str = "sqlite:///var/arloji.db"
    queue_redis_url: str = "redis://127.0.0.1:8090/0"
    cache_redis_url: str = "redis://127.0.0.1:8091/0"
    # Connections and threads: more of them only fight for the interpreter.
    database_connections: Annotated[int, Field(ge=1, le=64)] = 6
    # The cache is there to be faster than the database: one that is slower is left out.
    cache_timeout_seconds: Annotated[float, Field(gt=0)] = 0.05

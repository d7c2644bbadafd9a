"""What service-http reads from its environment."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicekit.settings import (
    DatabaseUrl,
    Port,
    RedisUrl,
    ServiceSettings,
    embedded_database,
    embedded_port,
    embedded_redis,
)


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "service-http"

    port: Port = embedded_port("service-http")
    database_url: DatabaseUrl = embedded_database()
    queue_redis_url: RedisUrl = embedded_redis("queue-redis")
    cache_redis_url: RedisUrl = embedded_redis("cache-redis")
    # Connections and threads: more of them only fight for the interpreter.
    database_connections: Annotated[int, Field(ge=1, le=64)] = 6
    # The cache is there to be faster than the database: one that is slower is left out.
    cache_timeout_seconds: Annotated[float, Field(gt=0)] = 0.05
    # Of entries that this process remembers beside the cache; 0 asks the cache each time.
    cache_memory_bytes: Annotated[int, Field(ge=0)] = 8 * 2**20

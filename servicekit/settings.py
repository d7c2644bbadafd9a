"""Settings from the environment: one frozen class per service, defaults for the embedded run."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from servicekit.embedded import (
    InvalidRun,
    archive_folder,
    audit_folder,
    backup_folder,
    database_url,
    read_data_folder,
    read_ports,
)

S = TypeVar("S", bound="EnvironmentSettings")


def _require_database(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        known = backend in {"mysql", "mariadb"} or (backend == "sqlite" and not parsed.host)
    except (ArgumentError, ValueError):
        known = False
    if not known:
        raise ValueError("must be like sqlite:///path or mysql+pymysql://user:password@host/name")
    return url


def _require_redis(url: str) -> str:
    from redis.asyncio.connection import parse_url

    try:
        parse_url(url)
    except ValueError:
        raise ValueError("must be like redis://host:port/0") from None
    return url


Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
HttpUrl = Annotated[str, Field(pattern=r"^https?://[^/?#\s]+/?$")]
# Validated at the start, where the variable can be named, and not at the first connection.
DatabaseUrl = Annotated[str, AfterValidator(_require_database)]
RedisUrl = Annotated[str, AfterValidator(_require_redis)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]


# Defaults are those of the embedded run that the shell selects.
def embedded_port(name: str) -> Any:
    return Field(default_factory=lambda: read_ports()[name])


def embedded_url(name: str, path: str = "") -> Any:
    return Field(default_factory=lambda: read_ports().url(name) + path)


def embedded_redis(name: str) -> Any:
    return Field(default_factory=lambda: read_ports().redis_url(name))


def embedded_cookie_suffix() -> Any:
    return Field(default_factory=lambda: read_ports().cookie_suffix)


def embedded_database() -> Any:
    return Field(default_factory=lambda: database_url(read_data_folder()))


def embedded_audit_folder() -> Any:
    return Field(default_factory=lambda: audit_folder(read_data_folder()))


def embedded_archive_folder() -> Any:
    return Field(default_factory=lambda: archive_folder(read_data_folder()))


def embedded_backup_folder() -> Any:
    return Field(default_factory=lambda: backup_folder(read_data_folder()))


class SecretFileUnreadable(ValueError):
    """A `*_FILE` variable points to a file that cannot be read."""

    def __init__(self, field_name: str, path: str, why: str) -> None:
        super().__init__(f"{field_name.upper()}_FILE: cannot read {path}: {why}")


class InvalidSettings(Exception):
    """Values of the environment that are not valid; one line for each."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_settings(settings_class: type[S]) -> S:
    """Raises `InvalidSettings`, whose lines name each variable and never its value."""
    try:
        return settings_class()
    except ValidationError as error:
        lines = [
            f"{str(one['loc'][0]).upper()}: {one['msg'].removeprefix('Value error, ')}"
            if one["loc"]
            else one["msg"]
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidSettings(*lines) from None
    except (SecretFileUnreadable, InvalidRun) as error:
        raise InvalidSettings(str(error)) from None


class EnvironmentSettings(BaseModel):
    """Base of everything that is configured by environment: commands and services alike. A field
    is the variable of its name in capitals, or what the file holds that `<NAME>_FILE` names: the
    way container secrets are mounted. Arguments win over both; an empty variable is none."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    def __init__(self, **given: Any) -> None:
        missing = [name for name in type(self).model_fields if name not in given]
        found = {name: text for name in missing if (text := _from_environment(name))}
        super().__init__(**found, **given)


def _from_environment(field_name: str) -> str | None:
    """The file wins over the plain variable. One that cannot be read or is empty is an error, not
    an absent value: a service must not fall back to a default because its secret is missing."""
    name = field_name.upper()
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name)
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SecretFileUnreadable(field_name, path, error.strerror or str(error)) from error
    if not text:
        raise SecretFileUnreadable(field_name, path, "it is empty")
    return text


class ServiceSettings(EnvironmentSettings):
    """What every service reads. `port` gets its default in each service."""

    service_name: ClassVar[str]

    host: str = "127.0.0.1"
    port: Port
    log_level: LogLevel = "INFO"
    # Still accepting after SIGTERM, not ready: long enough for the load balancer to notice.
    drain_seconds: Seconds = 0
    # After that, what is in flight may take this long.
    shutdown_seconds: Seconds = 20
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 3
    # At the same time, of whoever: the last fence. Fewer where the process may not open as many.
    max_connections: Annotated[int, Field(ge=1)] = 4000

"""Settings from the environment: one frozen class per service, defaults for the embedded run."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
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

S = TypeVar("S", bound=BaseSettings)


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


class SecretFileSource(PydanticBaseSettingsSource):
    """Reads `<NAME>_FILE` for every field: the way container secrets are mounted.

    The file wins over the plain variable. One that cannot be read or is empty is an error, not an
    absent value: a service must not fall back to a default because its secret is missing.
    """

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretFileUnreadable(field_name, path, error.strerror or str(error)) from error
        if not text:
            raise SecretFileUnreadable(field_name, path, "it is empty")
        return text, field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


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
    except (SecretFileUnreadable, SettingsError, InvalidRun) as error:
        raise InvalidSettings(str(error)) from None


class EnvironmentSettings(BaseSettings):
    """Base of everything that is configured by environment: commands and services alike."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, SecretFileSource(settings_cls), env_settings


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
    max_connections: Annotated[int, Field(ge=1)] = 1000

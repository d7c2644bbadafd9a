"""Settings from the environment: one frozen class per service, defaults for the embedded run."""

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[float, Field(ge=0)]


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
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Still accepting after SIGTERM, not ready: long enough for the load balancer to notice.
    drain_seconds: Seconds = 0
    # After that, what is in flight may take this long.
    shutdown_seconds: Seconds = 20
    request_timeout_seconds: Annotated[float, Field(gt=0)] = 3

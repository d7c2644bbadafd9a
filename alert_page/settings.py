"""The settings of the page."""

import json
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from servicekit.settings import HttpUrl, Port, Seconds, ServiceSettings


def _from_json(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


class Settings(ServiceSettings):
    service_name: ClassVar[str] = "alert-page"

    port: Port = 8090
    alertmanager_url: HttpUrl = "http://127.0.0.1:9093"
    # Part → where it says that it is well. Only those without which no alert about them could come.
    watched: Annotated[dict[str, str], BeforeValidator(_from_json)] = Field(default_factory=dict)
    watch_seconds: Annotated[float, Field(gt=0)] = 10
    # Away for so long, a part is called broken; a restart is shorter.
    patience_seconds: Seconds = 30
    # The alert that always fires comes each minute (observability/alertmanager).
    watchdog_seconds: Seconds = 150
    runbooks_directory: Path = Path("docs/runbooks")

"""The Kubernetes API server as seen from a pod: its Secrets, by the standard library alone
(https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/)."""

import base64
import http.client
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REQUEST_SECONDS = 10
# A control plane that is being replaced is away for less.
PATIENCE_SECONDS = 180.0
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 10.0


class ApiServerFailed(Exception):
    """What it refused, or that it did not answer in time; never what was sent to it."""


class Conflict(Exception):
    """Somebody else was first: made it, changed it or removed it. Read it again."""


@dataclass(frozen=True)
class Secret:
    """`version` is what an update must find unchanged."""

    name: str
    data: Mapping[str, str]
    labels: Mapping[str, str]
    version: str = ""


class ApiServer:
    def __init__(
        self,
        url: str,
        namespace: str,
        *,
        token: Callable[[], str],
        authorities: str,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._secrets = f"{url}/api/v1/namespaces/{namespace}/secrets"
        self._token = token
        self._patience_seconds = patience_seconds
        # No proxy, whatever the environment says: this traffic carries every secret.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authorities)),
        )

    def read_secret(self, name: str) -> Secret | None:
        found = self._call("GET", name)
        return None if found is None else _secret(found)

    def create_secret(self, secret: Secret) -> None:
        """Raises `Conflict` if there is one of this name."""
        self._call("POST", "", _manifest(secret))

    def update_secret(self, secret: Secret) -> None:
        """Replace the one that was read; raises `Conflict` if it has changed since."""
        if self._call("PUT", secret.name, _manifest(secret)) is None:
            raise Conflict(secret.name)

    def _call(self, method: str, name: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer, None if there is nothing of that name. Repeated for a bounded time while
        the server is away: a write that was done after all then meets itself as a `Conflict`."""
        deadline, pause = time.monotonic() + self._patience_seconds, _PAUSE_SECONDS
        while True:
            try:
                return self._call_once(method, name, body)
            except urllib.error.HTTPError as error:
                with error:
                    problem = _problem_of(error)
                if not _may_pass(error.code):
                    raise ApiServerFailed(f"{method} secrets/{name}: {problem}") from None
            # http.client's own are no OSError: a connection that breaks within an answer.
            except (OSError, http.client.HTTPException) as error:
                problem = str(getattr(error, "reason", error)) or type(error).__name__
            if time.monotonic() + pause > deadline:
                raise ApiServerFailed(f"the API server is away: {problem}")
            print(f"the API server is away, trying again: {problem}", flush=True)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _call_once(self, method: str, name: str, body: Mapping[str, Any] | None) -> Any:
        request = urllib.request.Request(
            f"{self._secrets}/{name}".removesuffix("/"),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            # The token is replaced while this runs: read anew each time.
            headers={
                "Authorization": f"Bearer {self._token()}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=_REQUEST_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in (404, 409):
                raise
            with error:
                reason = _status_of(error).get("reason")
            if error.code == 409:
                raise Conflict(name) from None
            # Without a namespace every name is unknown, also that of what is to be made.
            if method == "POST" or reason != "NotFound":
                raise ApiServerFailed(f"{method} secrets/{name}: 404 {reason}") from None
            return None


def find_api_server() -> ApiServer:
    """The one of the cluster that this pod runs in; raises `ApiServerFailed` outside of any."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
    if not host or not port:
        raise ApiServerFailed("this is no pod: KUBERNETES_SERVICE_HOST and _PORT are not set")
    host = f"[{host}]" if ":" in host else host
    try:
        return ApiServer(
            f"https://{host}:{port}",
            (ACCOUNT / "namespace").read_text(encoding="utf-8").strip(),
            token=lambda: (ACCOUNT / "token").read_text(encoding="utf-8").strip(),
            authorities=str(ACCOUNT / "ca.crt"),
        )
    except OSError as error:
        raise ApiServerFailed(f"the pod has no service account's token: {error}") from error


def _secret(found: Mapping[str, Any]) -> Secret:
    metadata = found["metadata"]
    encoded: Mapping[str, str] = found.get("data") or {}
    return Secret(
        metadata["name"],
        {name: base64.b64decode(text).decode() for name, text in encoded.items()},
        metadata.get("labels") or {},
        metadata["resourceVersion"],
    )


def _manifest(secret: Secret) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": secret.name, "labels": dict(secret.labels)}
    if secret.version:
        metadata["resourceVersion"] = secret.version
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in secret.data.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata,
        "data": encoded,
    }


def _may_pass(code: int) -> bool:
    return code == 429 or code >= 500


def _problem_of(error: urllib.error.HTTPError) -> str:
    """Its text only where it tells which right is missing: elsewhere it may quote what was sent."""
    status = _status_of(error)
    detail = status.get("message") if error.code in (401, 403) else status.get("reason")
    return f"{error.code} {detail or error.reason}"


def _status_of(error: urllib.error.HTTPError) -> Mapping[str, Any]:
    try:
        status = json.load(error)
    except (ValueError, OSError, http.client.HTTPException):
        return {}
    return status if isinstance(status, dict) else {}

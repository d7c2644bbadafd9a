"""Secrets as the Kubernetes API server keeps them: names, versions, conflicts and refusals; by TLS,
with a certificate of its own. What it says to a request before it looks at it, a test decides."""

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMESPACE = "arloji"
TOKEN = "the-token-of-the-pod"
_PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets"
# What comes in place of an answer: a status with its reason, or nothing and a closed connection.
Refusal = tuple[int, str, str] | None


@dataclass
class SecretsApi:
    """`before` sees each request first, as its method and name, and may change what is kept."""

    url: str = ""
    authorities: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: deque[Refusal] = field(default_factory=deque)
    requests: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda _method, _name: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    _versions: int = 0

    def put(self, name: str, found: dict[str, Any]) -> dict[str, Any]:
        self._versions += 1
        metadata = {**found["metadata"], "name": name, "resourceVersion": str(self._versions)}
        self.objects[name] = {**found, "metadata": metadata}
        return self.objects[name]

    def answer(self, method: str, name: str, body: Any) -> tuple[int, Any]:
        if method == "POST":
            name = body["metadata"]["name"]
            if name in self.objects:
                return _status(409, "AlreadyExists", name)
            return 201, self.put(name, body)
        if name not in self.objects:
            return _status(404, "NotFound", name)
        if method == "GET":
            return 200, self.objects[name]
        expected = self.objects[name]["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion") != expected:
            return _status(409, "Conflict", name)
        return 200, self.put(name, body)


def _status(code: int, reason: str, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "code": code, "reason": reason, "message": message}


def _handler(api: SecretsApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            name = self.path.removeprefix(_PATH).removeprefix("/")
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            api.before(self.command, name)
            with api.lock:
                api.requests.append((self.command, name))
                refusal: Refusal | str = api.refusals.popleft() if api.refusals else ""
            if refusal is None:
                self.close_connection = True
                return
            if refusal:
                code, answer = _status(*refusal)  # type: ignore[arg-type]
            elif self.headers["Authorization"] != f"Bearer {TOKEN}":
                code, answer = _status(401, "Unauthorized", "Unauthorized")
            else:
                with api.lock:
                    code, answer = api.answer(self.command, name, body)
            raw = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = handle_one

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def secrets_api(folder: Path, host: str = "127.0.0.1") -> Iterator[SecretsApi]:
    certificate = _make_certificate(folder, host)
    api = SecretsApi(authorities=str(certificate))

    class Server(ThreadingHTTPServer):
        address_family = 10 if ":" in host else 2  # AF_INET6, AF_INET

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server((host, 0), _handler(api)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        address = f"[{host}]" if ":" in host else host
        api.url = f"https://{address}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


def _make_certificate(folder: Path, host: str) -> Path:
    """For this address alone; key and certificate in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(_KEY_USAGE, critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


_KEY_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)

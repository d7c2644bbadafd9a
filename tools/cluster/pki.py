"""Certificates of a cluster that lives for one run: authorities, what they sign, and the
kubeconfig files that name both."""

import datetime
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = datetime.timedelta(days=365)
# Clocks of the machines that meet here are the same one, but certificates count whole seconds.
_BACKDATED = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class KeyPair:
    """PEM files; nobody but their owner can read the key."""

    certificate: Path
    key: Path


class Authority:
    """`<name>.crt` and `<name>.key` in the folder, made anew."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"arloji-{name}")])
        signs = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        built = (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(signs, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.files = _write(folder, name, built, self._key)

    def issue(
        self, name: str, user: str, groups: Sequence[str] = (), hosts: Sequence[str] = ()
    ) -> KeyPair:
        """`<name>.crt` and `<name>.key`, for a client and, with `hosts` (names or addresses), for a
        server too. Kubernetes takes user and groups from the subject."""
        subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name(subject), key.public_key())
        if hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(signer, critical=False)
        return _write(self._folder, name, builder.sign(self._key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BACKDATED)
            .not_valid_after(now + _LIFETIME)
        )


def create_signing_keys(folder: Path, name: str) -> tuple[Path, Path]:
    """Public and private key, as the API server signs the tokens of service accounts with."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, private = folder / f"{name}.pub", folder / f"{name}.key"
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    _write_key(private, key)
    return public, private


def write_kubeconfig(path: Path, server: str, authority: KeyPair, client: KeyPair) -> Path:
    """Names the certificates' files, so that it is of use on this machine alone. (JSON is YAML.)"""
    cluster = {"server": server, "certificate-authority": str(authority.certificate)}
    user = {"client-certificate": str(client.certificate), "client-key": str(client.key)}
    content = {
        **{"apiVersion": "v1", "kind": "Config", "current-context": "arloji"},
        "clusters": [{"name": "arloji", "cluster": cluster}],
        "users": [{"name": "arloji", "user": user}],
        "contexts": [{"name": "arloji", "context": {"cluster": "arloji", "user": "arloji"}}],
    }
    path.write_text(json.dumps(content, indent=2))
    return path


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(
    folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> KeyPair:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pair = KeyPair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(pair.key, key)
    return pair


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

"""Certificates say who somebody is, to whom they serve, and nobody else can use their keys."""

import json
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tools.cluster.pki import Authority, KeyPair, create_signing_keys, write_kubeconfig


def test_an_authority_signs_what_it_has_issued(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    served = authority.issue("server", "server", hosts=("kubernetes.default.svc", "127.0.0.1"))
    _verify(served, authority.files, "kubernetes.default.svc")
    with pytest.raises(VerificationError):
        _verify(served, authority.files, "kubernetes.example")
    with pytest.raises(VerificationError):
        _verify(served, Authority(tmp_path / "other").files, "kubernetes.default.svc")


def test_user_and_groups_are_in_the_subject(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue("admin", "somebody", ("system:masters", "others"))
    certificate = _read(pair)
    assert _names(certificate, NameOID.COMMON_NAME) == ["somebody"]
    assert _names(certificate, NameOID.ORGANIZATION_NAME) == ["system:masters", "others"]


def test_only_a_certificate_with_hosts_is_for_a_server(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client, server = authority.issue("a", "a"), authority.issue("b", "b", hosts=("10.96.0.1",))
    assert list(_usages(client)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert ExtendedKeyUsageOID.SERVER_AUTH in _usages(server)


def test_keys_are_their_owners_alone_and_fit_their_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("client", "client")
    _, signing = create_signing_keys(tmp_path, "tokens")
    for key in (authority.files.key, pair.key, signing):
        assert key.stat().st_mode & 0o077 == 0, key.name
    ssl.create_default_context().load_cert_chain(pair.certificate, pair.key)


def test_the_public_signing_key_is_that_of_the_private_one(tmp_path: Path) -> None:
    public, private = create_signing_keys(tmp_path, "tokens")
    key = load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert b"PUBLIC KEY" in public.read_bytes()
    assert b"PRIVATE" not in public.read_bytes()


def test_a_kubeconfig_names_the_server_and_the_files(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    client = authority.issue("admin", "admin")
    path = write_kubeconfig(tmp_path / "config", "https://h:1", authority.files, client)
    content = json.loads(path.read_text())
    assert content["clusters"][0]["cluster"]["server"] == "https://h:1"
    assert content["users"][0]["user"]["client-key"] == str(client.key)


def _verify(served: KeyPair, authority: KeyPair, name: str) -> None:
    verifier = (
        PolicyBuilder().store(Store([_read(authority)])).build_server_verifier(x509.DNSName(name))
    )
    verifier.verify(_read(served), [])


def _read(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


def _names(certificate: x509.Certificate, kind: x509.ObjectIdentifier) -> list[object]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(kind)]


def _usages(pair: KeyPair) -> x509.ExtendedKeyUsage:
    return _read(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

"""The bus's own certificate authority, and the server certificate it issues for the names the bus is reached by.

The authority is pinned: its certificate travels in every invite and is the only one a peer accepts, so no public
authority is involved and none can impersonate the bus. It is made once; the server certificate is made anew whenever
the names change or its end is near. Keys are drawn from the Entropy port.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fedpeer.core.errors import BusError
from fedpeer.ports import Entropy

_DAY_S = 86_400
_CA_DAYS = 7_300
_SERVER_DAYS = 397
_RENEW_DAYS = 45
_SKEW_S = 3_600
_RESTORE = "restore ca.pem and ca.key from a backup; a new authority would void every invite and pass"
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Certificates:
    """The authority (PEM, for invites), the server's two files, and whether this call made them anew."""

    ca: str
    certificate: Path
    key: Path
    renewed: bool


def certify(folder: Path, names: Sequence[str], *, entropy: Entropy, now: float) -> Certificates:
    """Return certificates for these host names and IP addresses, making what is missing, outdated or near its end."""
    ca, ca_key = _authority(folder, entropy, now)
    certificate, key = folder / "server.pem", folder / "server.key"
    renewed = not _serves(certificate, key, ca=ca, names=names, until=now + _RENEW_DAYS * _DAY_S)
    if renewed:
        fresh = _key(entropy)
        signed = _server(names, ca=ca, entropy=entropy, now=now).public_key(fresh.public_key())
        write_private(key, _key_pem(fresh))
        write_private(certificate, _pem(signed.sign(ca_key, hashes.SHA256())))
    return Certificates(_pem(ca).decode(), certificate, key, renewed)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file atomically with one that only its owner can read."""
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def is_loopback(host: str) -> bool:
    """Whether this host name or address never leaves the machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _authority(folder: Path, entropy: Entropy, now: float) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path, key_path = folder / "ca.pem", folder / "ca.key"
    if path.exists():
        return _read_authority(path, key_path)
    # Made again from its key, an authority is still the one that was pinned.
    key = _read_key(key_path) if key_path.exists() else _key(entropy)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedpeer bus authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    built = (
        _builder(name, entropy, now=now, days=_CA_DAYS)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    certificate = built.sign(key, hashes.SHA256())
    # The key first: a crash between the two leaves no certificate, and both are made again.
    write_private(key_path, _key_pem(key))
    write_private(path, _pem(certificate))
    return certificate, key


def _read_authority(path: Path, key_path: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = _read_key(key_path)
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BusError(f"the bus authority {path} cannot be read: {error}", hint=_RESTORE) from error
    if key.public_key() != certificate.public_key():
        raise BusError(f"ca.pem and ca.key in {path.parent} do not belong together", hint=_RESTORE)
    return certificate, key


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise BusError(f"the key of the bus authority, {path}, cannot be read", hint=_RESTORE) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BusError(f"{path} is not a key of the bus authority", hint=_RESTORE)
    return key


def _serves(path: Path, key_path: Path, *, ca: x509.Certificate, names: Sequence[str], until: float) -> bool:
    """Whether the certificate on disk is this authority's, for exactly these names, and lasts."""
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        certificate.verify_directly_issued_by(ca)
        listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    ends = certificate.not_valid_after_utc.timestamp()
    matches = isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key()
    return matches and set(listed) == set(_alternatives(names)) and ends > until


def _server(names: Sequence[str], *, ca: x509.Certificate, entropy: Entropy, now: float) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fedpeer bus")])
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    key_id = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(name, entropy, now=now, days=_SERVER_DAYS)
        .issuer_name(ca.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
    )


def _builder(subject: x509.Name, entropy: Entropy, *, now: float, days: int) -> x509.CertificateBuilder:
    start = dt.datetime.fromtimestamp(int(now) - _SKEW_S, dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(int.from_bytes(entropy.draw(19), "big") + 1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
    )


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_alternative(name) for name in dict.fromkeys(names)]


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key(entropy: Entropy) -> ec.EllipticCurvePrivateKey:
    # 48 bytes reduced modulo the order: the bias is below 2^-128 (FIPS 186-5, A.2.1).
    number = int.from_bytes(entropy.draw(48), "big") % (_ORDER_P256 - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)

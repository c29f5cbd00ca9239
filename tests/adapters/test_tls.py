"""The bus's authority and certificates, judged by OpenSSL's own verification and by cryptography's path validation."""

from __future__ import annotations

import datetime as dt
import ipaddress
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from fedpeer.adapters.system import SystemEntropy
from fedpeer.adapters.tls import Certificates, certify, is_loopback
from fedpeer.core.errors import BusError

DAY = 86_400
NOW = 1_800_000_000.0
NAMES = ("bus.example", "192.0.2.7", "2001:db8::7", "localhost")


def made(folder: Path, *, names: tuple[str, ...] = NAMES, now: float = NOW) -> Certificates:
    return certify(folder, names, entropy=SystemEntropy(), now=now)


def verify(certificates: Certificates, name: str, at: float) -> None:
    """Validate as a client would (RFC 5280); raises VerificationError."""
    try:
        subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)
    store = Store([x509.load_pem_x509_certificate(certificates.ca.encode())])
    when = dt.datetime.fromtimestamp(at, dt.UTC).replace(tzinfo=None)
    leaf = x509.load_pem_x509_certificate(certificates.certificate.read_bytes())
    PolicyBuilder().store(store).time(when).build_server_verifier(subject).verify(leaf, [])


def test_a_client_that_pins_the_authority_accepts_each_name_and_no_other(tmp_path):
    certificates = made(tmp_path)
    for name in NAMES:
        verify(certificates, name, NOW)
    for name in ("other.example", "192.0.2.8", "2001:db8::8"):
        with pytest.raises(VerificationError):
            verify(certificates, name, NOW)
    (tmp_path / "other").mkdir()
    stranger = made(tmp_path / "other")
    mixed = Certificates(stranger.ca, certificates.certificate, certificates.key, renewed=False)
    with pytest.raises(VerificationError):
        verify(mixed, "bus.example", NOW)


def test_files_are_private_and_kept_as_long_as_they_serve(tmp_path):
    first = made(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert set(before) == {"ca.pem", "ca.key", "server.pem", "server.key"}
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}
    again = made(tmp_path, names=tuple(reversed(NAMES)), now=NOW + 300 * DAY)
    assert (first.renewed, again.renewed) == (True, False)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("days", [352, 396, 398, 2_000])
def test_a_certificate_near_or_past_its_end_is_made_anew_by_the_same_authority(days, tmp_path):
    old = made(tmp_path)
    key = old.key.read_bytes()
    new = made(tmp_path, now=NOW + days * DAY)
    assert new.renewed
    assert new.ca == old.ca
    assert new.key.read_bytes() != key
    verify(new, "bus.example", NOW + days * DAY)


def test_other_names_or_damage_make_a_new_certificate(tmp_path):
    made(tmp_path)
    assert made(tmp_path, names=("bus.example",)).renewed
    for name, damage in (("server.pem", b"x"), ("server.key", b""), ("server.key", (tmp_path / "ca.key").read_bytes())):
        (tmp_path / name).write_bytes(damage)
        assert made(tmp_path, names=("bus.example",)).renewed
        assert not made(tmp_path, names=("bus.example",)).renewed


def test_a_damaged_authority_is_never_replaced_silently(tmp_path):
    made(tmp_path)
    key = (tmp_path / "ca.key").read_bytes()
    for damage in (b"", key[:50], (tmp_path / "server.key").read_bytes()):
        (tmp_path / "ca.key").write_bytes(damage)
        with pytest.raises(BusError, match=r"ca\.key|authority"):
            made(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(BusError, match="cannot be read"):
        made(tmp_path)
    (tmp_path / "ca.key").write_bytes(key)
    assert not made(tmp_path).renewed


def test_an_authority_whose_certificate_was_lost_is_still_the_pinned_one(tmp_path):
    pinned = made(tmp_path)
    (tmp_path / "ca.pem").unlink()
    after = made(tmp_path, names=("new.example",))
    verify(Certificates(pinned.ca, after.certificate, after.key, renewed=False), "new.example", NOW)


@pytest.mark.parametrize(
    ("host", "loops"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("localhost.example", False), ("", False)],
)  # fmt: skip
def test_loopback_is_what_never_leaves_the_machine(host, loops):
    assert is_loopback(host) is loops

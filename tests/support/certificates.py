"""A certificate for mx.mail.example that signs itself, and which one a server shows."""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from posthouse.platform import clock

HOST = "mx.mail.example"


def make_certificate(folder: Path, *, serial: int = 1, host: str = HOST) -> tuple[Path, Path]:
    """Write certificate and key, over older ones too; returns their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    plain = serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return paths


def blind() -> ssl.SSLContext:
    """A client that takes any certificate, to look at it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def shown(sock: ssl.SSLSocket) -> int:
    """The serial number of the certificate that a server showed."""
    der = sock.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der).serial_number


def after_starttls(port: int, client: type[smtplib.SMTP] = smtplib.SMTP) -> smtplib.SMTP:
    """A connection on which TLS has begun."""
    made = client("127.0.0.1", port, local_hostname="client.example")
    made.starttls(context=blind())
    made.ehlo_or_helo_if_needed()
    return made


def shown_at_once(port: int, name: str | None) -> int:
    """What a port with TLS from the first byte shows, to a client that names a host (SNI) or none."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, blind().wrap_socket(plain, server_hostname=name) as sock:
        return shown(sock)

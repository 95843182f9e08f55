"""A stand-in for Amazon SNS on loopback: its certificate over TLS under its real name, its confirmation page, and envelopes that it signed."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from posthouse.inbound.providers.amazonses import signed_text
from posthouse.platform import clock
from posthouse.webui.hooks import sns

HOST = "sns.eu-west-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = f"https://{HOST}/SimpleNotificationService-0000.pem"
_DIGESTS = {"1": hashes.SHA1(), "2": hashes.SHA256()}


@dataclass
class Amazon:
    """Who signs, and what was asked of it: the paths, in order."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    asked: list[str] = field(default_factory=list)
    status: int = 200

    def certificate(self) -> bytes:
        """The certificate (PEM) of its key."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key()).serial_number(1)
        made = made.not_valid_before(clock.now() - timedelta(days=1)).not_valid_after(clock.now() + timedelta(days=1))
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def envelope(self, *, version: str = "2", **changes: Any) -> dict[str, Any]:
        """A notification as it posts one, or what the changes make of it, signed."""
        event = {
            "eventType": "Bounce",
            "mail": {"messageId": "m", "destination": ["ann@example.net"]},
            "bounce": {"bounceType": "Permanent"},
        }
        facts = {
            "Type": "Notification",
            "MessageId": "n",
            "TopicArn": TOPIC,
            "Timestamp": clock.now().isoformat(),
            "SignatureVersion": version,
        }
        facts |= {"Message": json.dumps(event), "SigningCertURL": CERTIFICATE_URL, **changes}
        signature = self.key.sign(signed_text(facts), padding.PKCS1v15(), _DIGESTS[version])
        return facts | {"Signature": base64.b64encode(signature).decode()}

    def subscription(self, **changes: Any) -> dict[str, Any]:
        """What it posts to an address that a topic was subscribed to, signed."""
        address = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
        asks = {"Type": "SubscriptionConfirmation", "SubscribeURL": address, "Token": "t", "Message": "Visit the SubscribeURL"}
        return self.envelope(version="1", **{**asks, **changes})


@contextmanager
def amazon(folder: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool = True) -> Iterator[Amazon]:
    """Run it. Its name resolves to loopback, and its authority is the test's own where `trusted`; all else of the way there is real."""
    it = Amazon()
    certificate, key = make_certificate(folder, host=HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(it))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    real, port = socket.getaddrinfo, server.server_address[1]

    def resolve(host: Any, wanted: Any, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1", port, *rest, **more) if (host, wanted) == (HOST, 443) else real(host, wanted, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    if trusted:
        secure = next(one for one in sns._OPENER.handlers if isinstance(one, urllib.request.HTTPSHandler))
        monkeypatch.setattr(secure, "_context", ssl.create_default_context(cafile=str(certificate)))
    sns.fetch.cache_clear()
    try:
        yield it
    finally:
        sns.fetch.cache_clear()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(it: Amazon) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            it.asked.append(self.path)
            body = it.certificate() if self.path.endswith(".pem") else b"<ConfirmSubscriptionResponse/>"
            self.send_response(it.status)
            if it.status == 302:
                self.send_header("Location", "https://elsewhere.example/c.pem")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return

    return Handler

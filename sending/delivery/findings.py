"""Say in words why a relay's door is shut, and what to do about it."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass

import aiosmtplib

from posthouse.sending.delivery.smtp import Door


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said, what to do, and at which step it belongs where that is another than the one at work."""

    words: str
    advice: str
    step: str = ""


# OpenSSL's verification results, x509_vfy.h.
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
_TURN_OFF = "If the server is your own and this is wanted, turn the check of its certificate off for this route."


def of_socket(failure: Exception, door: Door) -> Finding:
    """Explain a failure to find the server or reach its port."""
    words = str(failure)[:300]
    if isinstance(failure, socket.gaierror):
        return Finding(words, f"There is no server “{door.host}”. Look for a typing mistake in its name.")
    if not isinstance(failure, OSError):
        return Finding(words, "Choose another address to send from, or leave it empty.", "Port")
    if failure.errno == errno.ECONNREFUSED:
        return Finding(words, f"The machine is there, but nothing listens on port {door.port}. Usual ports: 587, 465, 2525, 25.")
    if failure.errno in {errno.EADDRNOTAVAIL, errno.EINVAL}:
        return Finding(words, f"This machine doesn't have the address {door.source_address}. Correct it, or leave it empty.")
    return Finding(words, "The server can't be reached from this machine: look at the network and its firewall.")


def of_certificate(failure: ssl.SSLError, door: Door) -> Finding:
    """Explain a failed handshake."""
    if not isinstance(failure, ssl.SSLCertVerificationError):
        advice = "The server doesn't speak TLS there. With STARTTLS the port is usually 587 or 25, with TLS from the start 465."
        return Finding(str(failure.reason or failure)[:300], advice, "Encryption")
    words = failure.verify_message[:300]
    if failure.verify_code == _EXPIRED:
        return Finding(words, f"The server's certificate has expired; whoever runs it must renew it. {_TURN_OFF}", "Certificate")
    if failure.verify_code == _NOT_YET:
        return Finding(words, "The certificate isn't valid yet: look at this machine's clock.", "Certificate")
    if failure.verify_code in {_WRONG_NAME, _WRONG_ADDRESS}:
        advice = f"The certificate is for another name than “{door.host}”. Use the name that it is made for. {_TURN_OFF}"
        return Finding(words, advice, "Certificate")
    if failure.verify_code in _UNKNOWN_AUTHORITY:
        return Finding(words, f"The certificate is signed by nobody whom this machine trusts. {_TURN_OFF}", "Certificate")
    return Finding(words, f"The certificate can't be accepted. {_TURN_OFF}", "Certificate")


_ADVICE = {
    "greeting": "The server greets with a refusal or isn't a mail server: look at host and port, or ask whether this machine is blocked.",
    "hello": "The server doesn't like the name with which it is greeted: give one that resolves to this machine's address.",
    "starttls": "The server refuses STARTTLS. Choose TLS from the start (usually port 465), or none inside a network that you trust.",
    "auth": "User name or password is wrong, or the account may not send by SMTP. Some providers want a key instead of the password.",
    "sender": "The server doesn't accept this sender. Verify the domain with the provider, or allow it on the server.",
}


def of_answer(failure: Exception, stage: str) -> Finding:
    """Explain a refusal in the dialogue. `stage` is greeting, hello, starttls, auth or sender."""
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return Finding(f"{failure.code} {failure.message}"[:300], _ADVICE[stage])
    if isinstance(failure, aiosmtplib.SMTPNotSupported) or "not supported" in str(failure):
        return _missing(stage, str(failure))
    if isinstance(failure, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPConnectError):
        return Finding("The server closed the connection.", f"It gave no reason. {_ADVICE[stage]}")
    return Finding(str(failure)[:300], _ADVICE[stage])


def _missing(stage: str, words: str) -> Finding:
    if stage == "auth":
        advice = "The server offers no sign-in here. Many offer it only with encryption, or on port 587; or leave the user name empty."
        return Finding(words[:300], advice)
    return Finding(words[:300], "The server doesn't offer STARTTLS. Choose TLS from the start (usually port 465), or none.")

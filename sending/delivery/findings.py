"""Say in words why a relay's door is shut, and what to do about it."""

from __future__ import annotations

import errno
import ssl

import aiosmtplib

from posthouse.platform import trials
from posthouse.platform.trials import Finding
from posthouse.sending.delivery.smtp import Door

_PORTS = "587, 465, 2525, 25"


def of_socket(failure: Exception, door: Door) -> Finding:
    """Explain a failure to find the server or reach its port."""
    if not isinstance(failure, OSError):
        return Finding(str(failure)[:300], "Choose another address to send from, or leave it empty.", "Port")
    if failure.errno in {errno.EADDRNOTAVAIL, errno.EINVAL}:
        advice = f"This machine doesn't have the address {door.source_address}. Correct it, or leave it empty."
        return Finding(str(failure)[:300], advice, "Port")
    return trials.of_connection(failure, host=door.host, port=door.port, usual=_PORTS)


def of_handshake(failure: ssl.SSLError, door: Door) -> Finding:
    """Explain a failed handshake."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return trials.of_certificate(failure, host=door.host)
    advice = "The server doesn't speak TLS there. With STARTTLS the port is usually 587 or 25, with TLS from the start 465."
    return Finding(str(failure.reason or failure)[:300], advice, "Encryption")


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

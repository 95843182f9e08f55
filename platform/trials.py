"""What a trial of a connection found, step by step, and the words for what goes wrong before anybody speaks a mail protocol."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass

# OpenSSL's verification results, x509_vfy.h.
_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNKNOWN_AUTHORITY = frozenset({18, 19, 20, 21})
TURN_OFF = "If the server is your own and this is wanted, turn the check of its certificate off."
SILENT_PORT = "A firewall swallows the connection, or the address is wrong."


@dataclass(frozen=True, slots=True)
class Step:
    """One step and what came of it. `words`: what the server or the system said; `advice`: what to do, empty when it went well."""

    name: str
    words: str
    advice: str = ""

    @property
    def well(self) -> bool:
        """Whether the step went well."""
        return not self.advice


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said, what to do, and at which step it belongs where that is another than the one at work."""

    words: str
    advice: str
    step: str = ""


def of_connection(failure: Exception, *, host: str, port: int, usual: str) -> Finding:
    """Explain a failure to find a server or to reach its port; `usual` names the ports at which such servers listen."""
    words = _words(failure)[:300]
    if isinstance(failure, socket.gaierror | UnicodeError):
        return Finding(words, f"There is no server “{host}”. Look for a typing mistake in its name.", "Name")
    if isinstance(failure, TimeoutError):
        return Finding("No answer.", SILENT_PORT, "Port")
    if isinstance(failure, OSError) and failure.errno == errno.ECONNREFUSED:
        return Finding(words, f"The machine is there, but nothing listens on port {port}. Usual ports: {usual}.", "Port")
    return Finding(words, "The server can't be reached from this machine: look at the network and its firewall.", "Port")


def _words(failure: Exception) -> str:
    """Return what the system said, without its numbers, which mean nothing to a person."""
    if isinstance(failure, socket.gaierror) or not isinstance(failure, OSError) or not failure.errno:
        return getattr(failure, "strerror", None) or str(failure)
    return os.strerror(failure.errno)


def of_certificate(failure: ssl.SSLCertVerificationError, *, host: str) -> Finding:
    """Explain why a server's certificate isn't accepted."""
    words = failure.verify_message[:300]
    if failure.verify_code == _EXPIRED:
        advice = f"The server's certificate has expired; whoever runs it must renew it. {TURN_OFF}"
    elif failure.verify_code == _NOT_YET:
        advice = "The certificate isn't valid yet: look at this machine's clock."
    elif failure.verify_code in {_WRONG_NAME, _WRONG_ADDRESS}:
        advice = f"The certificate is for another name than “{host}”. Use the name that it is made for. {TURN_OFF}"
    elif failure.verify_code in _UNKNOWN_AUTHORITY:
        advice = f"The certificate is signed by nobody whom this machine trusts. {TURN_OFF}"
    else:
        advice = f"The certificate can't be accepted. {TURN_OFF}"
    return Finding(words, advice, "Certificate")

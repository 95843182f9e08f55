"""A service's certificate, read anew when its files change, while connections go on."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from posthouse.platform import logs
from posthouse.platform.settings import WrongSetting

LOOK_SECONDS = 30.0

_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """The TLS side of a service. Raises: WrongSetting for files that do not serve at the start."""

    def __init__(self, chain: Path, key: Path | None, service: str) -> None:
        self._chain, self._key, self._service = chain, key, service
        self._stamp = self._look()
        self._present = self._load()
        # Ports and dialogues hold this one for as long as they are open; each handshake is then given the present one.
        self.context = self._load()
        self.context.sni_callback = self._hand_over

    def renew(self) -> bool:
        """Read the files where they have changed; True when new handshakes get another certificate. Files that do not serve change nothing."""
        stamp = self._look()
        if stamp == self._stamp or not stamp:
            return False
        try:
            self._present = self._load()
        except WrongSetting as problem:  # half of a pair is there already, the other not yet: looked at again next time
            logs.get().error("inbound.certificate_kept", problem=str(problem))
            return False
        self._stamp = stamp
        logs.get().info("inbound.certificate_renewed", file=str(self._chain))
        return True

    async def watch(self, seconds: float = LOOK_SECONDS) -> None:
        """Look at the files now and then, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.renew()

    def _hand_over(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._present

    def _load(self) -> ssl.SSLContext:
        return tls_context(self._chain, self._key, self._service)

    def _look(self) -> _Stamp:
        try:
            found = [path.stat() for path in (self._chain, self._key) if path is not None]
        except OSError:
            return ()
        return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)


def tls_context(certificate: Path, key: Path | None, service: str) -> ssl.SSLContext:
    """Return the TLS side of a service. Raises: WrongSetting for a certificate that does not serve."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as problem:  # ssl.SSLError is one, too
        raise WrongSetting(
            f"POSTHOUSE_{service}_CERTIFICATE, POSTHOUSE_{service}_KEY: {certificate} does not serve ({problem.strerror or problem})."
            " Name a PEM file with the chain, and one with its key."
        ) from None
    return context

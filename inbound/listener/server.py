"""Open the port and keep the service running until it is told to stop."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posthouse.inbound.listener.hooks import Hooks
from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.listener.smtp import GuardedSMTP
from posthouse.inbound.spool.services import prepare
from posthouse.platform.settings import WrongSetting

# The library logs every line of every dialogue.
logging.getLogger("mail.log").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Door:
    """Where and as whom the service listens. `hostname` is the mail host's name in banner and greeting, never the product's."""

    host: str
    port: int
    hostname: str
    our_domains: frozenset[str]
    spool: Path
    certificate: Path | None = None
    key: Path | None = None


class Listener:
    """The service on one event loop."""

    def __init__(
        self, door: Door, *, is_genuine: Callable[[str], bool], limits: Limits | None = None, on_stored: Callable[[], None] | None = None
    ) -> None:
        self._door = door
        self._limits = limits or Limits()
        self._tls = _tls(door)
        self.doorkeeper = Doorkeeper(self._limits)
        self.hooks = Hooks(spool=door.spool, is_genuine=is_genuine, our_domains=door.our_domains, limits=self._limits, on_stored=on_stored)
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Open the port; returns its number (useful where the door says 0). Raises: OSError."""
        prepare(self._door.spool)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self._connection(loop), self._door.host, self._door.port, backlog=256)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the port and wait for mail that is being stored; open dialogues are cut, their senders repeat."""
        if self._server is not None:
            self._server.close()
        self.hooks.close()

    def _connection(self, loop: asyncio.AbstractEventLoop) -> GuardedSMTP:
        return GuardedSMTP(
            self.hooks, hostname=self._door.hostname, limits=self._limits, doorkeeper=self.doorkeeper, loop=loop, tls=self._tls
        )


def _tls(door: Door) -> ssl.SSLContext | None:
    if door.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(door.certificate, door.key)
    except OSError as problem:  # ssl.SSLError is one, too
        raise WrongSetting(
            f"POSTHOUSE_INBOUND_CERTIFICATE, POSTHOUSE_INBOUND_KEY: {door.certificate} does not serve ({problem.strerror or problem})."
            " Name a PEM file with the chain, and one with its key."
        ) from None
    return context

"""Open the port and keep the service running until it is told to stop."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from posthouse.inbound.listener.certificate import Certificate
from posthouse.inbound.listener.hooks import Hooks
from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.listener.lmtp import GuardedLMTP
from posthouse.inbound.listener.smtp import GuardedSMTP
from posthouse.inbound.spool.services import prepare

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
    lmtp_host: str = "127.0.0.1"
    lmtp_port: int | None = None


class Listener:
    """The service on one event loop."""

    def __init__(
        self, door: Door, *, is_genuine: Callable[[str], bool], limits: Limits | None = None, on_stored: Callable[[], None] | None = None
    ) -> None:
        self._door = door
        self._limits = limits or Limits()
        self.certificate = _certificate(door)
        self._tls = self.certificate.context if self.certificate else None
        self._watching: asyncio.Task[None] | None = None
        self.doorkeeper = Doorkeeper(self._limits)
        self.hooks = Hooks(spool=door.spool, is_genuine=is_genuine, our_domains=door.our_domains, limits=self._limits, on_stored=on_stored)
        # A mail server in front is one peer that speaks for all.
        self._front_limits = replace(self._limits, connections_of_peer=self._limits.connections, refused_recipients=self._limits.commands)
        self._front = Doorkeeper(self._front_limits)
        self._servers: list[asyncio.Server] = []
        self.lmtp_port = 0

    async def start(self) -> int:
        """Open the port; returns its number (useful where the door says 0). Raises: OSError."""
        prepare(self._door.spool)
        port = await self._open(self._smtp, self._door.host, self._door.port)
        if self._door.lmtp_port is not None:
            self.lmtp_port = await self._open(self._lmtp, self._door.lmtp_host, self._door.lmtp_port)
        if self.certificate is not None:
            self._watching = asyncio.get_running_loop().create_task(self.certificate.watch())
        return port

    def renew_certificate(self) -> None:
        """Read the certificate's files now, if they have changed."""
        if self.certificate is not None:
            self.certificate.renew()

    async def _open(self, make: Callable[[], GuardedSMTP], host: str, port: int) -> int:
        server = await asyncio.get_running_loop().create_server(make, host, port, backlog=256)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the ports and wait for mail that is being stored; open dialogues are cut, their senders repeat."""
        if self._watching is not None:
            self._watching.cancel()
        for server in self._servers:
            server.close()
        self.hooks.close()

    def _smtp(self) -> GuardedSMTP:
        loop = asyncio.get_running_loop()
        return GuardedSMTP(
            self.hooks, hostname=self._door.hostname, limits=self._limits, doorkeeper=self.doorkeeper, loop=loop, tls=self._tls
        )

    def _lmtp(self) -> GuardedLMTP:
        loop = asyncio.get_running_loop()
        return GuardedLMTP(
            self.hooks, hostname=self._door.hostname, limits=self._front_limits, doorkeeper=self._front, loop=loop, tls=self._tls
        )


def _certificate(door: Door) -> Certificate | None:
    return None if door.certificate is None else Certificate(door.certificate, door.key, "INBOUND")

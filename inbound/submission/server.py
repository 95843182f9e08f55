"""Opens the ports of submission: STARTTLS on one, TLS from the first byte on the other (RFC 8314)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from posthouse.inbound.listener.certificate import Certificate
from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.submission.desk import Desk
from posthouse.inbound.submission.dialogue import SubmissionSMTP
from posthouse.platform.app import Core
from posthouse.platform.settings import Settings, WrongSetting

HANDSHAKE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports that are open; None where one isn't."""

    starttls: int | None
    tls: int | None


class Submission:
    """The service on one event loop."""

    def __init__(self, app: Core, settings: Settings, limits: Limits | None = None) -> None:
        self._settings = settings
        self._limits = limits or limits_of(settings)
        self.certificate = certificate(settings)
        self._tls = self.certificate.context if self.certificate else None
        self._watching: asyncio.Task[None] | None = None
        self.doorkeeper = Doorkeeper(self._limits)
        self.desk = Desk(app, self._limits)
        self._servers: list[asyncio.Server] = []

    async def start(self, *, any_port: bool = False) -> Ports:
        """Open the ports. `any_port`: whichever are free, for tests. Raises: OSError."""
        here = self._settings
        starttls = await self._open(0 if any_port else here.submission_port, None) if here.submission_port else None
        tls = None
        if here.submission_tls_port and self._tls is not None:
            tls = await self._open(0 if any_port else here.submission_tls_port, self._tls)
        if self.certificate is not None:
            self._watching = asyncio.get_running_loop().create_task(self.certificate.watch())
        return Ports(starttls, tls)

    def renew_certificate(self) -> None:
        """Read the certificate's files now, if they have changed."""
        if self.certificate is not None:
            self.certificate.renew()

    async def _open(self, port: int, secured: ssl.SSLContext | None) -> int:
        loop = asyncio.get_running_loop()

        def connection() -> SubmissionSMTP:
            return SubmissionSMTP(
                self.desk,
                hostname=self._settings.submission_hostname or self._settings.mail_domain,
                limits=self._limits,
                doorkeeper=self.doorkeeper,
                loop=loop,
                tls=None if secured else self._tls,
                plain_loopback=self._settings.submission_plain_loopback,
            )

        handshake = HANDSHAKE_SECONDS if secured else None
        server = await loop.create_server(
            connection, self._settings.submission_host, port, ssl=secured, ssl_handshake_timeout=handshake, backlog=256
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the ports and wait for messages that are being kept; open dialogues are cut, their programs repeat."""
        if self._watching is not None:
            self._watching.cancel()
        for server in self._servers:
            server.close()
        self.desk.close()


def certificate(settings: Settings) -> Certificate | None:
    """Return the service's TLS side, None without a certificate. Raises: WrongSetting where nobody could sign in then."""
    if settings.submission_certificate:
        key = Path(settings.submission_key) if settings.submission_key else None
        return Certificate(Path(settings.submission_certificate), key, "SUBMISSION")
    if not settings.submission_plain_loopback:
        raise WrongSetting(
            "POSTHOUSE_SUBMISSION_CERTIFICATE: the submission service takes API keys over TLS only and has no certificate."
            " Name one, or set POSTHOUSE_SUBMISSION_PLAIN_LOOPBACK for programs on this machine."
        )
    return None


def limits_of(settings: Settings) -> Limits:
    """The limits of submission: programs that are known may stay longer and send more than strangers."""
    return Limits(
        message_bytes=settings.submission_message_bytes,
        refused_recipients=200,
        commands=20_000,
        connections=settings.submission_connections,
        connections_of_peer=settings.submission_connections_of_peer,
        idle_seconds=300.0,  # RFC 5321 4.5.3.2.7
        session_seconds=3_600.0,
    )

"""Open connections to relays: connect, greet, encrypt and sign in with aiosmtplib, then take the transport over."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from functools import lru_cache

import aiosmtplib

from posthouse.sending.delivery.channel import Channel, Pace, adopt
from posthouse.sending.delivery.wire import Offers

CONNECT_SECONDS = 20.0
# All of it together: each step has its time, and a server may not use up one after the other.
OPEN_SECONDS = 60.0
MOST_SESSIONS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How to reach a relay. `tls` is starttls, tls or none; an empty user name means no sign-in."""

    host: str
    port: int
    tls: str = "starttls"
    username: str = ""
    password: str = ""
    source_address: str = ""
    greet_as: str = "localhost"
    verify: bool = True


class DoorShut(Exception):
    """The relay can't be reached or lets us not in. `temporary` is False when only a person can mend it (sign-in, TLS)."""

    def __init__(self, code: int, detail: str, *, temporary: bool) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.temporary = temporary


async def open_channel(door: Door, *, pace: Pace) -> Channel:
    """Connect to the relay and return a channel ready for the first MAIL. Talks to the outside. Raises: DoorShut."""
    door_context = resuming(verify=door.verify)
    client = aiosmtplib.SMTP(
        hostname=door.host,
        port=door.port,
        use_tls=door.tls == "tls",
        start_tls=False,
        local_hostname=door.greet_as,
        source_address=(door.source_address, 0) if door.source_address else None,
        timeout=CONNECT_SECONDS,
        tls_context=None if door.tls == "none" else door_context,
    )
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await client.connect()
            await _greet(client, door)
    except aiosmtplib.SMTPException as failure:
        client.close()
        raise _shut(failure) from failure
    except TimeoutError as late:
        client.close()
        raise DoorShut(0, f"{door.host}:{door.port} wasn't ready after {OPEN_SECONDS:g} seconds", temporary=True) from late
    except (OSError, ssl.SSLError, ValueError) as failure:
        client.close()
        raise DoorShut(
            0, f"{door.host}:{door.port}: {failure}", temporary=not isinstance(failure, ssl.SSLCertVerificationError)
        ) from failure
    if client.transport is None:
        raise DoorShut(0, "the server closed the connection after the greeting", temporary=True)
    return adopt(client.transport, _offers(client), pace, ending=None if door.tls == "none" else door_context.keep)


async def _greet(client: aiosmtplib.SMTP, door: Door) -> None:
    await _hello(client)
    if door.tls == "starttls":
        await client.starttls()
        # RFC 3207 section 4.2: what was offered before TLS counts for nothing. The library would ask again only later.
        await _hello(client)
    if door.username:
        await client.login(door.username, door.password)


async def _hello(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _offers(client: aiosmtplib.SMTP) -> Offers:
    return Offers(
        pipelining=client.supports_extension("pipelining"),
        size=client.supports_extension("size"),
        eight_bit=client.supports_extension("8bitmime"),
        utf8=client.supports_extension("smtputf8"),
    )


def _shut(failure: aiosmtplib.SMTPException) -> DoorShut:
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        # A refused sign-in stays refused until somebody changes the password, whatever digit the server chose.
        lasting = isinstance(failure, aiosmtplib.SMTPAuthenticationError) and failure.code >= 500
        return DoorShut(failure.code, f"{failure.code} {failure.message}"[:300], temporary=not lasting)
    lasting = isinstance(failure, aiosmtplib.SMTPNotSupported) or isinstance(failure.__cause__, ssl.SSLCertVerificationError)
    return DoorShut(0, str(failure)[:300], temporary=not lasting)


class ResumingContext(ssl.SSLContext):
    """A client's context that goes on with an earlier session where the server still knows it: no certificates, one round trip less.

    With TLS 1.3 a session can be kept only once the server has sent its ticket, after the handshake: so when a connection
    is given up, or has carried something (RFC 8446 section 2.2).
    """

    _kept: dict[str, ssl.SSLSession]

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the standard library's own signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection with the server's kept session, if there is one."""
        kept = session or self._sessions.get(_name(server_hostname))
        return super().wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=server_hostname, session=kept)

    def keep(self, transport: asyncio.BaseTransport) -> None:
        """Keep a connection's session for the next one to the same server."""
        of_tls = transport.get_extra_info("ssl_object")
        session = None if of_tls is None or of_tls.context is not self else of_tls.session
        if session is not None and session.has_ticket:
            if len(self._sessions) >= MOST_SESSIONS:
                self._sessions.clear()
            self._sessions[_name(of_tls.server_hostname)] = session

    @property
    def _sessions(self) -> dict[str, ssl.SSLSession]:
        if not hasattr(self, "_kept"):
            self._kept = {}
        return self._kept


def _name(hostname: str | bytes | None) -> str:
    return hostname.decode() if isinstance(hostname, bytes) else hostname or ""


@lru_cache(maxsize=2)
def context(*, verify: bool) -> ssl.SSLContext:
    """Make a context that shakes hands in full each time, once: loading the trust store takes 10 to 20 ms."""
    return _trusting(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), verify=verify)


@lru_cache(maxsize=2)
def resuming(*, verify: bool) -> ResumingContext:
    """Make the context of connections that carry mail, once."""
    made = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    _trusting(made, verify=verify)
    return made


def _trusting(made: ssl.SSLContext, *, verify: bool) -> ssl.SSLContext:
    made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made

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
    client = aiosmtplib.SMTP(
        hostname=door.host,
        port=door.port,
        use_tls=door.tls == "tls",
        start_tls=False,
        local_hostname=door.greet_as,
        source_address=(door.source_address, 0) if door.source_address else None,
        timeout=CONNECT_SECONDS,
        tls_context=None if door.tls == "none" else context(verify=door.verify),
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
    return adopt(client.transport, _offers(client), pace)


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


@lru_cache(maxsize=2)
def context(*, verify: bool) -> ssl.SSLContext:
    """Make the client's TLS context once: loading the trust store takes 10 to 20 ms."""
    made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made

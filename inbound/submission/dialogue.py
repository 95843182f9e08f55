"""The dialogue of a submission: the guarded one of the inbound listener, and a key before anything else (RFC 6409, 4954)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import re
import ssl
from typing import Any

from posthouse.inbound.listener import replies as common
from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.listener.smtp import GuardedSMTP
from posthouse.inbound.submission import replies
from posthouse.inbound.submission.counter import Access
from posthouse.inbound.submission.desk import Desk

WRONG_KEYS = 3
MOST_RESPONSE_BYTES = 12_288  # RFC 4954 4
_AUTH_PARAMETER = re.compile(r"\s+AUTH=\S*", re.IGNORECASE)


class GivenUp(Exception):
    """The sign-in ended with this reply."""


class SubmissionSMTP(GuardedSMTP):
    """One connection of a program. `access` is what it signed in with, None before."""

    def __init__(
        self,
        desk: Desk,
        *,
        hostname: str,
        limits: Limits,
        doorkeeper: Doorkeeper,
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext | None,
        plain_loopback: bool,
    ) -> None:
        super().__init__(desk, hostname=hostname, limits=limits, doorkeeper=doorkeeper, loop=loop, tls=tls)
        self.access: Access | None = None
        self._desk = desk
        self._plain_loopback = plain_loopback
        self._wrong = 0

    def _create_session(self) -> Any:
        self.access = None  # after STARTTLS nothing that was said before counts (RFC 3207 4.2)
        return super()._create_session()

    def _may_sign_in(self) -> bool:
        if self.transport is not None and self.transport.get_extra_info("ssl_object") is not None:
            return True
        return self._plain_loopback and _is_loopback(self._peer)

    def _offers(self) -> list[str]:
        offers = super()._offers()
        return [*offers, "AUTH PLAIN LOGIN"] if self._may_sign_in() else offers

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        """Sign in with an API key as password; the user name is free."""
        if await self.check_helo_needed():
            return
        if (refusal := self._auth_refusal()) is not None:
            await self.push(refusal)
            return
        try:
            key = await self._ask_for_key(*(arg or "").split(" ", 1))
        except GivenUp as why:
            await self.push(str(why))
            return
        access = Access(key, self._peer)
        reply = await self._desk.sign_in(access)
        if reply == replies.SIGNED_IN:
            self.access = access
        elif reply.startswith("535"):
            self._wrong += 1
            if self._wrong >= WRONG_KEYS:
                await self._leave(replies.TOO_MANY_WRONG)
                return
        await self.push(reply)

    def _auth_refusal(self) -> str | None:
        assert self.envelope is not None
        if not self._may_sign_in():
            return replies.TLS_BEFORE_KEY
        if self.access is not None:
            return replies.SIGNED_IN_ALREADY
        return replies.IN_TRANSACTION if self.envelope.mail_from else None

    async def _ask_for_key(self, mechanism: str, first: str | None = None) -> str:
        """Return the password. Raises: GivenUp."""
        match mechanism.upper():
            case "PLAIN":
                response = _decoded(first) if first else await self._challenge("")
                parts = response.split("\0")  # authorisation identity, user, password (RFC 4616 2)
                if len(parts) != 3:
                    raise GivenUp(replies.NOT_BASE64)
                return parts[2]
            case "LOGIN":
                if not first:
                    await self._challenge("Username:")
                return await self._challenge("Password:")
        raise GivenUp(replies.MECHANISM)

    async def _challenge(self, text: str) -> str:
        await self.push("334 " + base64.b64encode(text.encode()).decode())
        try:
            line = await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError:
            self.part(common.TOO_MUCH)
            raise GivenUp(replies.LINE_TOO_LONG) from None
        if len(line) > MOST_RESPONSE_BYTES:
            raise GivenUp(replies.LINE_TOO_LONG)
        answer = line[:-2].decode("ascii", "replace")
        if answer == "*":
            raise GivenUp(replies.GIVEN_UP)
        return _decoded(answer)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        """Begin a message, once signed in."""
        if await self.check_helo_needed():
            return
        if self.access is None:
            await self.push(replies.SIGN_IN_FIRST if self._may_sign_in() else replies.TLS_FIRST)
            return
        # The parameter must be understood (RFC 4954 5); whoever is named in it, the key decides.
        await super().smtp_MAIL(None if arg is None else _AUTH_PARAMETER.sub("", arg))


def _decoded(text: str) -> str:
    try:
        return "" if text == "=" else base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise GivenUp(replies.NOT_BASE64) from None


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False

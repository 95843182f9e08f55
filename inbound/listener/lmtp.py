"""LMTP (RFC 2033): the same dialogue for a mail server in front of us, with a reply for every recipient."""

from __future__ import annotations

from posthouse.inbound.listener import replies
from posthouse.inbound.listener.smtp import GuardedSMTP


class GuardedLMTP(GuardedSMTP):
    """One connection of a mail server that keeps the queue itself."""

    def way(self) -> str:
        """See the base."""
        assert self.session is not None
        return "lmtps" if self.session.ssl else "lmtp"

    async def smtp_LHLO(self, hostname: str | None) -> None:  # noqa: N802
        """Greet (RFC 2033 4.1)."""
        await super().smtp_EHLO(hostname)

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802
        """Refused: an LMTP server must not take it (RFC 2033 4.1)."""
        await self.push(replies.LHLO_WANTED)

    async def smtp_HELO(self, hostname: str | None) -> None:  # noqa: N802
        """Refused, as EHLO is."""
        await self.push(replies.LHLO_WANTED)

    async def _answer_message(self, reply: str, recipients: list[str]) -> None:
        """Say what became of the message once for each recipient that was taken, in their order (RFC 2033 4.2).

        All of them are kept by one file or none is, so the replies are the same; a mail server in front asks for each.
        """
        for _recipient in recipients:
            await self.push(reply)

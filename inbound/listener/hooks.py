"""What the dialogue asks us: may this recipient be taken, and is this mail kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from posthouse.inbound.listener import replies
from posthouse.inbound.listener.limits import Limits
from posthouse.inbound.listener.recipients import Verdict, judge
from posthouse.inbound.parsing.ids import of_address
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.spool.gathering import Gathering
from posthouse.inbound.spool.services import SpoolBroken, SpoolFull
from posthouse.inbound.tally.services import REFUSED, TALLY
from posthouse.platform import clock, logs

_WORDS = {
    Verdict.NO_SUCH_USER: replies.NO_SUCH_USER,
    Verdict.NO_RELAY: replies.NO_RELAY,
    Verdict.BAD_ADDRESS: replies.BAD_ADDRESS,
}


class Hooks:
    """Shared by all connections of one service. `is_genuine(local_part)` says whether an address carries a token of ours."""

    def __init__(
        self,
        *,
        spool: Path,
        is_genuine: Callable[[str], bool],
        our_domains: frozenset[str],
        limits: Limits,
        on_stored: Callable[[], None] | None = None,
    ) -> None:
        self._is_genuine = is_genuine
        self._our_domains = our_domains
        self._limits = limits
        self._gathering = Gathering(spool, on_stored or (lambda: None))
        self._storing = 0
        self.stored = 0
        self.refused_recipients = 0

    async def handle_MAIL(self, _server: Any, _session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        """Take any sender: bounces have none, and a forged one is nobody's proof."""
        if len(address) > 320 or (address != "<>" and "@" not in address):
            return replies.BAD_ADDRESS
        envelope.mail_from = address or "<>"
        envelope.mail_options.extend(options)
        return replies.OK

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]) -> str:  # noqa: N802
        """Take only what is for us; the token is checked here, before any data is sent."""
        if len(envelope.rcpt_tos) >= self._limits.recipients:
            return replies.TOO_MANY_RECIPIENTS
        verdict = judge(address, is_genuine=self._is_genuine, our_domains=self._our_domains) if len(address) <= 320 else Verdict.BAD_ADDRESS
        if verdict is not Verdict.TAKEN:
            self.refused_recipients += 1
            if verdict is Verdict.NO_SUCH_USER and of_address(address):
                TALLY.count(REFUSED)
            return _WORDS[verdict]
        envelope.rcpt_tos.append(address)
        return replies.OK

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep the mail, then say so."""
        if self._storing >= self._limits.storing:
            return replies.BUSY
        kept = Envelope(
            sender="" if envelope.mail_from == "<>" else envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            peer=str(session.peer[0]) if session.peer else "",
            helo=str(session.host_name or ""),
            way=server.way(),
            at=clock.now(),
        )
        self._storing += 1
        try:
            await self._gathering.keep(kept, envelope.content)
        except SpoolFull as problem:
            logs.get().warning("inbound.spool_full", problem=str(problem))
            return replies.NO_ROOM
        except SpoolBroken as problem:
            logs.get().error("inbound.spool_broken", problem=str(problem))
            return replies.NOT_STORED
        finally:
            self._storing -= 1
        self.stored += 1
        return replies.STORED

    async def handle_exception(self, error: Exception) -> str:
        """Answer a failure of ours without telling its inside (the broad catch of the SMTP edge)."""
        logs.get().error("inbound.dialogue_failed", exc_info=error)
        return replies.FAILED

    def close(self) -> None:
        """Wait for the disk."""
        self._gathering.close()

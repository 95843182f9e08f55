"""Send letter after letter on one channel, and say of each what became of it.

What counts for exactness: a letter whose body hasn't begun to leave was certainly not sent; one whose final reply was
read has that outcome; between the two nobody knows. The feed hears of each of these moments as it happens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from posthouse.sending.delivery.channel import DOT_SECONDS, Channel, Gone, Lost, Pace
from posthouse.sending.delivery.wire import Reply, Unspeakable, envelope

FINAL_DOT = b".\r\n"
RSET = b"RSET\r\n"
_DATA = b"DATA\r\n"
# Looking a member up in its class costs more than comparing with it.
_PLAIN, _OVERLAPPED = Pace.PLAIN, Pace.OVERLAPPED
_NO_PIPELINING = re.compile(r"pipelin|synchroni[sz]", re.IGNORECASE)


class Letter(NamedTuple):
    """A composed message. `data` has CRLF line ends, is dot-stuffed, ends in CRLF and lacks the final dot."""

    message_id: int
    return_path: str
    recipient: str
    size_bytes: int
    data: bytes


class Verdict(StrEnum):
    """What a final reply means for the message."""

    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"


_VERDICTS = {2: Verdict.SENT, 4: Verdict.DEFERRED, 5: Verdict.REFUSED}


class Feed(Protocol):
    """Where letters come from and where their fate is noted; none of these may wait."""

    def pull(self) -> Letter | None:
        """Return the next letter, or None when this connection should send no more for now."""

    def begin(self, letter: Letter) -> bool:
        """Note that the body leaves now; False forbids it (stopped, too late, or the note can't be kept)."""

    def finish(self, letter: Letter, verdict: Verdict, reply: Reply, stage: str) -> None:
        """Note the final reply."""

    def lose(self, letter: Letter, why: str) -> None:
        """Note that the body left and no reply came: unknown."""

    def give_back(self, letter: Letter, why: str, *, tried: bool) -> None:
        """Take back a letter that was certainly not sent; `tried`: the server may have heard of it."""


class Ended(StrEnum):
    """Why a conversation ended."""

    DRAINED = "drained"  # nothing to send for now; the channel is warm
    SPENT = "spent"  # the connection has carried as many messages as it may
    STOPPED = "stopped"  # the feed forbade a body; the connection is cut
    GONE = "gone"  # the server or the network ended it


@dataclass(frozen=True, slots=True)
class End:
    """How it ended. `slow_down`: the server seems not to bear this pace, use the one below from now on."""

    why: Ended
    detail: str = ""
    slow_down: bool = False


async def converse(channel: Channel, feed: Feed, *, most: int) -> End:
    """Send until the feed has no more, the connection has carried `most` messages (ever), or it is over. Never raises Gone."""
    return await _Conversation(channel, feed, most).run()


@dataclass(slots=True)
class _InHand:
    letter: Letter
    mail: bytes
    rcpt: bytes
    reset: bool = False  # RSET was written before it
    written: bool = False


class _Conversation:
    def __init__(self, channel: Channel, feed: Feed, most: int) -> None:
        self._channel = channel
        self._feed = feed
        self._most = most
        self._now: _InHand | None = None
        self._ahead: _InHand | None = None
        self._beyond: _InHand | None = None
        self._body_out = False
        self._heard = False  # the server has answered at least one envelope of ours

    async def run(self) -> End:
        try:
            self._now = self._pull()
            while self._now is not None:
                end = await self._one(self._now)
                if end is not None:
                    return end
                self._now, self._ahead, self._beyond = self._ahead or self._pull(), self._beyond, None
        except Gone as gone:
            return self._over(gone)
        spent = self._channel.begun >= self._most
        return End(Ended.SPENT if spent else Ended.DRAINED)

    def _pull(self) -> _InHand | None:
        while self._channel.begun < self._most:
            letter = self._feed.pull()
            if letter is None:
                return None
            try:
                mail, rcpt = envelope(letter.return_path, letter.recipient, letter.size_bytes, self._channel.offers)
            except Unspeakable as error:
                self._feed.finish(letter, Verdict.REFUSED, Reply(553, "5.1.3", str(error)), "rcpt")
                continue
            self._channel.begun += 1
            return _InHand(letter, mail, rcpt)
        return None

    async def _one(self, hand: _InHand) -> End | None:
        """Bring one letter to its end; None means go on with the next."""
        if not hand.written and self._channel.pace > _PLAIN:
            self._channel.write(self._open(hand), replies=3 + hand.reset)
        if self._ahead is None:
            self._ahead = self._pull()
        if hand.written and not hand.reset and self._channel.take_consent():
            refusal = None
        else:
            refusal = await (self._grouped(hand) if hand.written else self._stepwise(hand))
        self._heard = True
        if refusal is None:
            return await self._body(hand)
        return self._refused(hand, *refusal)

    def _open(self, hand: _InHand) -> bytes:
        hand.reset, self._channel.unfinished = self._channel.unfinished, False
        hand.written = True
        return (RSET if hand.reset else b"") + hand.mail + hand.rcpt + _DATA

    async def _grouped(self, hand: _InHand) -> tuple[str, Reply] | None:
        """Read the replies to an envelope written at once; None when the server wants the body."""
        if hand.reset:
            await self._channel.reply()
        mail = await self._channel.reply()
        if mail.code == 421:
            raise Gone(Lost.CLOSED, f"421 {mail.text}")
        rcpt = await self._channel.reply()
        if rcpt.code == 421:
            return "rcpt", rcpt
        data = await self._channel.reply()
        refusal = _first_refusal(mail, rcpt, data)
        if mail.digit != 2 and data.digit == 3 and rcpt.digit == 2:
            # The recipient went into a transaction that isn't ours: a dot would send an empty message to it.
            raise Gone(Lost.GARBLED, f"MAIL was refused ({mail.code} {mail.text}), RCPT and DATA were not")
        if refusal is not None and data.digit == 3:
            # RFC 2920 section 3.1: the server took DATA though no recipient is valid; an empty message ends that.
            self._channel.write(FINAL_DOT, replies=1)
            await self._channel.reply()
        elif refusal is not None:
            self._channel.unfinished = True
        return refusal

    async def _stepwise(self, hand: _InHand) -> tuple[str, Reply] | None:
        """Say the envelope line by line, waiting each time."""
        hand.written = True
        if self._channel.unfinished:
            self._channel.unfinished = False
            await self._ask(RSET)
        for stage, line in (("mail", hand.mail), ("rcpt", hand.rcpt), ("data", _DATA)):
            reply = await self._ask(line)
            if reply.digit != (3 if stage == "data" else 2):
                self._channel.unfinished = True
                return _checked(stage, reply)
        return None

    async def _ask(self, line: bytes) -> Reply:
        self._channel.write(line, replies=1)
        return await self._channel.reply()

    def _refused(self, hand: _InHand, stage: str, reply: Reply) -> End | None:
        if self._channel.pace > Pace.PLAIN and reply.digit == 5 and _NO_PIPELINING.search(reply.text):
            raise Gone(Lost.GARBLED, f"{reply.code} {reply.text}")
        if reply.code == 421 and stage == "mail":
            raise Gone(Lost.CLOSED, f"421 {reply.text}")
        if reply.code == 503 and stage == "mail":
            # Bad sequence of commands says something about this connection, nothing about the letter.
            raise Gone(Lost.GARBLED, f"503 {reply.text}")
        return self._finish(hand, reply, stage)

    async def _body(self, hand: _InHand) -> End | None:
        if not self._feed.begin(hand.letter):
            self._return_all("stopped before the body left")
            self._channel.drop()
            return End(Ended.STOPPED)
        self._body_out = True
        ahead = self._ahead
        if ahead is not None and self._channel.pace is _OVERLAPPED:
            self._channel.write(hand.letter.data, FINAL_DOT + self._open(ahead), replies=4)
        else:
            self._channel.write(hand.letter.data, FINAL_DOT, replies=1)
        if ahead is not None:
            # Composed while the server thinks: what is made between a reply and the next body costs a whole connection time.
            self._beyond = self._pull()
        reply = await self._channel.reply(DOT_SECONDS)
        self._body_out = False
        if reply.code // 100 not in _VERDICTS:
            raise Gone(Lost.GARBLED, f"{reply.code} makes no sense in answer to DOT")
        return self._finish(hand, reply, "dot")

    def _finish(self, hand: _InHand, reply: Reply, stage: str) -> End | None:
        self._now = None
        self._feed.finish(hand.letter, _VERDICTS[reply.code // 100], reply, stage)
        if reply.code == 421:
            raise Gone(Lost.CLOSED, f"421 {reply.text}")
        return None

    def _over(self, gone: Gone) -> End:
        """File what is in hand when the connection is over."""
        hand, body_out = self._now, self._body_out
        # A server that bears no pipelining gets out of step, falls silent, or hangs up on the first envelope.
        suspicious = gone.why is Lost.GARBLED or (not body_out and (gone.why is Lost.SILENT or not self._heard))
        if hand is not None and body_out:
            self._feed.lose(hand.letter, gone.detail)
            self._now = None
        self._return_all(gone.detail)
        self._channel.drop()
        return End(Ended.GONE, gone.detail, slow_down=suspicious and self._channel.pace > Pace.PLAIN)

    def _return_all(self, why: str) -> None:
        for hand in (self._now, self._ahead, self._beyond):
            if hand is not None:
                self._feed.give_back(hand.letter, why, tried=hand.written)
        self._now = self._ahead = self._beyond = None


def _first_refusal(mail: Reply, rcpt: Reply, data: Reply) -> tuple[str, Reply] | None:
    if mail.digit != 2:
        return _checked("mail", mail)
    if rcpt.digit != 2:
        return _checked("rcpt", rcpt)
    if data.digit != 3:
        return _checked("data", data)
    return None


def _checked(stage: str, reply: Reply) -> tuple[str, Reply]:
    """Refuse replies that make no sense where they stand: 3yz to MAIL, 2yz to DATA; the others are refusals."""
    if reply.digit not in (4, 5):
        raise Gone(Lost.GARBLED, f"{reply.code} makes no sense in answer to {stage.upper()}")
    return stage, reply

"""Read a message of the DATA command out of whatever pieces it comes in: pure, and in bounded memory."""

from posthouse.inbound.listener import replies

_END = b"\r\n"


class IncomingMessage:
    """One message up to its CRLF.CRLF (RFC 5321 4.1.1.4), freed of the dots of 4.5.2.

    A refusal is the reply to send when the end has come; from then on nothing more is kept.
    """

    def __init__(self, *, message_bytes: int, line_bytes: int) -> None:
        self.refusal: str | None = None
        self.complete = False
        self._message_bytes = message_bytes
        self._line_bytes = line_bytes
        self._message = bytearray()
        self._open = bytearray()  # the line that has no end yet
        self._dropped = False  # was its beginning dropped?

    @property
    def content(self) -> bytes:
        """The message byte for byte; empty when it is refused."""
        return b"" if self.refusal else bytes(self._message)

    def refuse(self, reply: str) -> None:
        """Keep nothing, and have this said at the end; the first reason stays."""
        self.refusal = self.refusal or reply
        self._message.clear()

    def feed(self, piece: bytes) -> bytes:
        """Take a piece; returns what follows the end, which is for the next command."""
        seen = max(len(self._open) - 1, 0)
        self._open += piece
        cut = self._open.rfind(_END, seen) + 2
        if cut < 2:
            self._shorten()
            return b""
        lines = bytes(self._open[:cut])
        after = bytes(self._open[cut:])
        end, rest = self._find_end(lines)
        self._take(lines[:end])
        if rest is None:
            self._open[:] = after
            self._dropped = False
            self._shorten()
            return b""
        self.complete = True
        self._open.clear()
        return lines[rest:] + after

    def _find_end(self, lines: bytes) -> tuple[int, int | None]:
        """Where whole lines stop to be the message, and where the rest begins (None when there is no end among them)."""
        if lines.startswith(b".\r\n") and not self._dropped:
            return 0, 3
        at = lines.find(b"\r\n.\r\n")
        return (len(lines), None) if at < 0 else (at + 2, at + 5)

    def _take(self, lines: bytes) -> None:
        if self.refusal is not None or not lines:
            return
        if len(lines) > self._line_bytes and max(map(len, lines.split(_END))) > self._line_bytes:
            self.refuse(replies.LINE_TOO_LONG)
            return
        if not lines.count(b"\n") == lines.count(b"\r") == lines.count(_END):
            self.refuse(replies.BARE_LINE_END)
            return
        plain = (lines[1:] if lines[:1] == b"." else lines).replace(b"\r\n.", _END)
        if len(self._message) + len(plain) > self._message_bytes:
            self.refuse(replies.TOO_BIG)
            return
        self._message += plain

    def _shorten(self) -> None:
        if len(self._open) - self._open.endswith(b"\r") > self._line_bytes:  # that may be the CR of its end
            self.refuse(replies.LINE_TOO_LONG)
            del self._open[:-1]  # the last may be that CR, too
            self._dropped = True

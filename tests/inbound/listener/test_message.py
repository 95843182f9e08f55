"""A message comes in whatever pieces it likes: what is kept, what is refused and where it ends do not depend on them."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posthouse.inbound.listener import replies
from posthouse.inbound.listener.message import IncomingMessage

LINE, MESSAGE = 8, 40
_WIRE = st.lists(st.sampled_from([b"\r\n", b".", b"\r", b"\n", b"a", b"abcdef", b".\r\n", b"\r\n.\r\n"]), max_size=14).map(b"".join)


def _by_lines(wire: bytes) -> tuple[bytes, set[str], bytes] | None:
    """The rule, told line by line: content, what may be said against it, and what follows; None where no end comes."""
    content, reasons, rest = b"", set(), wire
    while True:
        line, end, rest = rest.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return content, reasons, rest
        if len(line) > LINE:
            reasons.add(replies.LINE_TOO_LONG)
        if b"\r" in line or b"\n" in line:
            reasons.add(replies.BARE_LINE_END)
        content += line.removeprefix(b".") + end
        if len(content) > MESSAGE:
            reasons.add(replies.TOO_BIG)


@settings(max_examples=400)
@given(_WIRE, st.lists(st.integers(1, 9), min_size=1, max_size=6))
@example(b".\r\nQUIT\r\n", [1])
@example(b"aaaaaaaaaaaaaaaa\r\n.\r\nRSET\r\n", [3])
@example(b"aaaaaaaaaaaaaaaa.\r\n.\r\n", [16, 1])
@example(b"\r\r\n.\r\n", [2])
@example(b"..abcdef\r\n.\r\n", [1])
@example(b"..\r\n...\r\n.\r\n", [100])
def test_pieces_change_nothing(wire: bytes, sizes: list[int]) -> None:
    """Every cut gives what reading line by line gives, and hands back all that follows the end."""
    message, at, turn, after = IncomingMessage(message_bytes=MESSAGE, line_bytes=LINE), 0, 0, b""
    while at < len(wire) and not message.complete:
        size = sizes[turn % len(sizes)]
        after = message.feed(wire[at : at + size])
        at, turn = at + size, turn + 1
    expected = _by_lines(wire)
    if expected is None:
        assert not message.complete
        return
    content, reasons, rest = expected
    assert message.complete
    assert after + wire[at:] == rest
    assert (message.refusal in reasons) if reasons else (message.refusal is None)
    assert message.content == (b"" if reasons else content)


def test_a_line_without_an_end_is_not_kept() -> None:
    """Memory stays small, and the end is still found."""
    message = IncomingMessage(message_bytes=10**9, line_bytes=1_000)
    for _ in range(1_000):
        assert message.feed(b"x" * 1_000) == b""
        assert len(message._open) <= 2_000
    assert message.feed(b"\r\n.\r\nNOOP\r\n") == b"NOOP\r\n"
    assert (message.refusal, message.content) == (replies.LINE_TOO_LONG, b"")


@pytest.mark.parametrize("reason", [replies.BUSY, replies.TOO_BIG])
def test_the_first_reason_stays(reason: str) -> None:
    """One reply answers a message, the first that was due."""
    message = IncomingMessage(message_bytes=MESSAGE, line_bytes=LINE)
    message.refuse(reason)
    assert message.feed(b"a\nb\r\n.\r\n") == b""
    assert (message.complete, message.refusal, message.content) == (True, reason, b"")

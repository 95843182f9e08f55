"""Replies come out of bytes whole and in order, whatever the cut; nonsense and flooding are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.delivery.wire import LINE_LIMIT_BYTES, Offers, Reply, ReplyReader, Unspeakable, WireError, envelope

_TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n"), max_size=30).map(str.strip)


@given(
    st.lists(st.tuples(st.integers(200, 599), st.lists(_TEXT, min_size=1, max_size=4)), max_size=6),
    st.integers(1, 40),
    st.sampled_from(["\r\n", "\n"]),
)
def test_replies_survive_any_cut(replies, step, end):
    """The same replies come out whether bytes arrive one by one or all at once."""
    raw = "".join(
        f"{code}{' ' if index == len(lines) - 1 else '-'}{line}{end}" for code, lines in replies for index, line in enumerate(lines)
    ).encode()
    reader, got = ReplyReader(), []
    for start in range(0, len(raw), step):
        got += reader.feed(raw[start : start + step])
    assert [reply.code for reply in got] == [code for code, _ in replies]
    assert got == ReplyReader().feed(raw)


@given(st.binary(max_size=400))
def test_any_bytes_give_replies_or_a_wire_error(data):
    """No input makes the reader fail in another way."""
    try:
        replies = ReplyReader().feed(data)
    except WireError:
        return
    assert all(200 <= reply.code <= 599 for reply in replies)


def test_the_enhanced_code_is_taken_from_each_line():
    """RFC 2034: each line of a reply may repeat the enhanced code."""
    assert ReplyReader().feed(b"550-5.1.1 no such\r\n550 5.1.1 user\r\n") == [Reply(550, "5.1.1", "no such user")]


def test_an_enhanced_code_of_another_class_is_text():
    """A 2.x code in a 5yz reply says nothing we could believe."""
    assert ReplyReader().feed(b"550 2.0.0 odd\r\n") == [Reply(550, None, "2.0.0 odd")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"hello\r\n", id="no-code"),
        pytest.param(b"99 low\r\n", id="two-digits"),
        pytest.param(b"650 high\r\n", id="no-such-class"),
        pytest.param(b"250-one\r\n251 two\r\n", id="changing-code"),
        pytest.param(b"250 " + b"x" * LINE_LIMIT_BYTES + b"\r\n", id="long-line"),
        pytest.param(b"x" * (LINE_LIMIT_BYTES + 1), id="endless-line"),
        pytest.param(b"250-more\r\n" * 300, id="endless-reply"),
    ],
)
def test_nonsense_is_refused(data):
    """What can't be a reply ends the connection instead of being guessed at."""
    with pytest.raises(WireError):
        ReplyReader().feed(data)


@pytest.mark.parametrize("address", ["a b@x.test", "a\r\nRCPT TO:<b@x.test>", "a>b@x.test", "a@x.test\x00", "x" * 400 + "@x.test", ""])
def test_no_address_can_smuggle_a_command(address):
    """An address with spaces, brackets or line ends never reaches the wire (ASVS 1.3.11)."""
    with pytest.raises(Unspeakable):
        envelope("b@bounce.test", address, 10, Offers())


def test_international_addresses_need_the_servers_consent():
    """RFC 6531: SMTPUTF8 is said only to a server that offered it."""
    with pytest.raises(Unspeakable):
        envelope("b@bounce.test", "jürgen@x.test", 10, Offers())
    mail, rcpt = envelope("b@bounce.test", "jürgen@x.test", 10, Offers(size=True, utf8=True))
    assert mail == b"MAIL FROM:<b@bounce.test> SIZE=10 SMTPUTF8\r\n"
    assert rcpt == "RCPT TO:<jürgen@x.test>\r\n".encode()

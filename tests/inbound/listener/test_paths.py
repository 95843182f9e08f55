"""Plain addresses are read at once, and as the library reads them."""

import asyncio
from collections.abc import Iterator
from unittest.mock import sentinel

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posthouse.inbound.listener.limits import Doorkeeper, Limits
from posthouse.inbound.listener.smtp import _PLAIN_PATH, GuardedSMTP

_PARTS = st.sampled_from(["a", "B-1", ".", "@", "=", "+", "x.y", "_", "é", '"', " ", "\\", "(c)", ",", ":", "<", ">", "[1.2.3.4]"])
_ARGUMENTS = st.tuples(
    st.lists(_PARTS, max_size=6).map("".join),
    st.sampled_from(["", " ", " SIZE=12", " BODY=8BITMIME SMTPUTF8", " (x) SIZE=1", "  A=B", ">"]),
)


@pytest.fixture(scope="module")
def dialogue() -> Iterator[GuardedSMTP]:
    loop = asyncio.new_event_loop()
    limits = Limits()
    yield GuardedSMTP(sentinel.hooks, hostname="mx.example", limits=limits, doorkeeper=Doorkeeper(limits), loop=loop, tls=None)
    loop.close()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_ARGUMENTS)
def test_a_path_is_read_as_the_library_reads_it(dialogue: GuardedSMTP, argument: tuple[str, str]) -> None:
    """The same address, and the same parameters behind it."""
    inner, behind = argument
    text = f"<{inner}>{behind}"
    ours, theirs = _read(dialogue, text, GuardedSMTP), _read(dialogue, text, SMTP)
    assert ours == theirs


@pytest.mark.parametrize("text", ["<>", "<> SIZE=5000", "<b-aaaa222@mail.example>", "<a.b+c=d@x-y.example> BODY=8BITMIME SIZE=12"])
def test_the_usual_paths_are_plain(text: str) -> None:
    """What peers send every day takes the short way."""
    assert _PLAIN_PATH.fullmatch(text)


def _read(dialogue: GuardedSMTP, text: str, reader: type[SMTP]) -> tuple[str | None, list[str]] | str:
    try:
        address, behind = reader._getaddr(dialogue, text)
    except Exception as problem:
        return type(problem).__name__
    return address, (behind or "").split()

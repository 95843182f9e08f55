"""Mail systems' forms of bounces, and mail that only looks like one."""

import pytest
from shapes_of_fields import SHAPES as FIELDS
from shapes_of_more import SHAPES as MORE
from shapes_of_old import SHAPES as OLD
from shapes_of_reports import SHAPES as REPORTS
from shapes_of_servers import SHAPES as SERVERS
from shapes_of_suites import SHAPES as SUITES
from shapes_of_the_wild import SHAPES as WILD
from shaping import Shape

from posthouse.inbound.parsing.cards import Kind
from posthouse.inbound.parsing.reading import read

ALL = SERVERS + SUITES + REPORTS + MORE + WILD + OLD + FIELDS
_NOTHING = (Kind.REPLY, Kind.UNSUBSCRIBE, Kind.UNKNOWN)


@pytest.mark.parametrize("shape", ALL, ids=lambda shape: shape.name)
def test_a_mail_is_read_for_what_it_is(shape: Shape) -> None:
    """Kind, recipients, status and reason are those that its writer meant."""
    found = read(shape.raw)
    kind = "other" if found.kind in _NOTHING else str(found.kind)
    assert kind in shape.kind.split("|")
    if shape.kind != "bounce":
        return
    assert tuple(one.recipient for one in found.outcomes) == shape.recipients
    assert all(one.reason in (shape.reason or one.reason).split("|") for one in found.outcomes)
    assert all(str(one.status) in (shape.status or str(one.status)).split("|") for one in found.outcomes)
    assert all(one.action == (shape.action or one.action) for one in found.outcomes)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_change_nothing(end: bytes) -> None:
    """CRLF and a bare CR give what LF gives, for every shape."""
    wrong = [shape.name for shape in ALL if read(shape.raw) != read(shape.raw.replace(b"\r\n", b"\n").replace(b"\n", end))]
    assert wrong == []


def test_no_shape_stands_twice() -> None:
    """A name says which one failed."""
    assert len({shape.name for shape in ALL}) == len(ALL)

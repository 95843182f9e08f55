"""The name server gives back what was published."""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.simulator.dns import Record, RecordError, Zone, answer_wire, zone_from


def ask(zone: Zone, name: str, kind: str, *, udp: bool = False) -> dns.message.Message:
    query = dns.message.make_query(name, kind, use_edns=None)
    wire = answer_wire(zone, query.to_wire(), udp=udp)
    assert wire is not None
    return dns.message.from_wire(wire)


@given(st.text(min_size=1, max_size=900).filter(lambda text: text.isprintable()))
def test_any_text_comes_back_whole(value: str) -> None:
    """A TXT value of any length and script is cut into strings and joined to the same."""
    zone = Zone()
    zone.publish([Record("key._domainkey.shop.example", "TXT", value)])
    answer = ask(zone, "KEY._domainkey.Shop.example", "TXT")
    assert b"".join(answer.answer[0][0].strings).decode() == value


def test_an_alias_is_followed() -> None:
    """A CNAME is answered together with what it leads to."""
    zone = Zone()
    zone.publish(zone_from({"a.shop.example": {"CNAME": ["b.mail.test."]}, "b.mail.test": {"MX": ["10 mx.mail.test."]}}))
    answer = ask(zone, "a.shop.example", "MX")
    assert [records.rdtype for records in answer.answer] == [dns.rdatatype.CNAME, dns.rdatatype.MX]


def test_what_is_missing_is_said_to_be() -> None:
    """An unknown name is NXDOMAIN; a known name (or one above it) without the type is an empty answer."""
    zone = Zone()
    zone.publish([Record("a.b.shop.example", "TXT", "x")])
    assert ask(zone, "other.example", "TXT").rcode() == dns.rcode.NXDOMAIN
    assert ask(zone, "b.shop.example", "TXT").rcode() == dns.rcode.NOERROR
    assert ask(zone, "a.b.shop.example", "MX").answer == []


def test_too_long_for_udp_is_cut_and_says_so() -> None:
    """A client without EDNS gets a truncated answer and can ask again over TCP."""
    zone = Zone()
    zone.publish([Record("long.example", "TXT", "x" * 800)])
    assert ask(zone, "long.example", "TXT", udp=True).flags & 0x0200
    assert len(ask(zone, "long.example", "TXT").answer) == 1


def test_a_wrong_record_changes_nothing() -> None:
    """One bad record among good ones refuses them all."""
    zone = Zone()
    with pytest.raises(RecordError, match="MX"):
        zone.publish([Record("good.example", "TXT", "x"), Record("bad.example", "MX", "not a number")])
    with pytest.raises(RecordError, match="SRV"):
        zone.publish([Record("bad.example", "SRV", "x")])
    assert zone.records() == []


@pytest.mark.parametrize("junk", [b"", b"\x00", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 40])
def test_junk_gets_no_answer(junk: bytes) -> None:
    """What is not a query is dropped."""
    assert answer_wire(Zone(), junk, udp=True) is None


def test_records_survive_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A zone with a file serves the same after it is opened again; a withdrawn name is gone."""
    path = tmp_path_factory.mktemp("zone") / "zone.json"
    zone = Zone(path)
    zone.publish([Record("a.example", "TXT", "one"), Record("b.example", "TXT", "two")])
    zone.withdraw("b.example")
    assert Zone(path).records() == [Record("a.example", "TXT", "one")]

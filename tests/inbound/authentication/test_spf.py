"""SPF as RFC 7208 has it, on records made for the tests, with its limits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posthouse.inbound.authentication.cards import Result
from posthouse.inbound.authentication.spf import check
from posthouse.sending.domains.rules import Answer

RECORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("ip.example", "TXT"): ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", "something else"),
    ("soft.example", "TXT"): ("v=spf1 ip4:198.51.100.1 ~all",),
    ("neutral.example", "TXT"): ("v=spf1 a",),
    ("a.example", "TXT"): ("v=spf1 a:host.example/24 mx -all",),
    ("host.example", "A"): ("192.0.2.200",),
    ("a.example", "MX"): ("10 mx.example.",),
    ("mx.example", "A"): ("203.0.113.5",),
    ("mx.example", "AAAA"): ("2001:db8::5",),
    ("include.example", "TXT"): ("v=spf1 include:ip.example -all",),
    ("redirect.example", "TXT"): ("v=spf1 redirect=ip.example",),
    ("lost.example", "TXT"): ("v=spf1 include:nothing.example -all",),
    ("loop.example", "TXT"): ("v=spf1 include:loop.example -all",),
    ("two.example", "TXT"): ("v=spf1 -all", "v=spf1 +all"),
    ("broken.example", "TXT"): ("v=spf1 ip4:nonsense -all",),
    ("word.example", "TXT"): ("v=spf1 moo -all",),
    ("modified.example", "TXT"): ("v=spf1 exp=why.example moo=x ip4:192.0.2.1 -all",),
    ("macro.example", "TXT"): ("v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all",),
    ("1.2.0.192.in-addr._spf.macro.example", "A"): ("127.0.0.2",),
    ("voids.example", "TXT"): ("v=spf1 a:x1.example a:x2.example a:x3.example -all",),
    ("slow.example", "TXT"): ("v=spf1 a:away.example -all",),
}


def _ask(name: str, type_: str) -> Answer:
    return Answer(failed=True) if name.startswith("away") else Answer(RECORDS.get((name, type_), ()))


@pytest.mark.parametrize(
    ("ip", "sender", "result"),
    [
        ("192.0.2.7", "x@ip.example", Result.PASS),
        ("2001:db8::1", "x@ip.example", Result.PASS),
        ("::ffff:192.0.2.7", "x@ip.example", Result.PASS),
        ("198.51.100.7", "x@ip.example", Result.FAIL),
        ("192.0.2.1", "x@soft.example", Result.SOFT_FAIL),
        ("192.0.2.1", "x@neutral.example", Result.NEUTRAL),
        ("192.0.2.1", "x@nothing.example", Result.NONE),
        ("192.0.2.9", "x@a.example", Result.PASS),
        ("203.0.113.5", "x@a.example", Result.PASS),
        ("2001:db8::5", "x@a.example", Result.PASS),
        ("203.0.113.6", "x@a.example", Result.FAIL),
        ("192.0.2.7", "x@include.example", Result.PASS),
        ("198.51.100.7", "x@include.example", Result.FAIL),
        ("192.0.2.7", "x@redirect.example", Result.PASS),
        ("192.0.2.7", "x@lost.example", Result.PERMANENT),
        ("192.0.2.7", "x@loop.example", Result.PERMANENT),
        ("192.0.2.7", "x@two.example", Result.PERMANENT),
        ("192.0.2.7", "x@broken.example", Result.PERMANENT),
        ("192.0.2.7", "x@word.example", Result.PERMANENT),
        ("192.0.2.1", "x@modified.example", Result.PASS),
        ("192.0.2.1", "x@macro.example", Result.PASS),
        ("192.0.2.2", "x@macro.example", Result.FAIL),
        ("192.0.2.1", "x@voids.example", Result.PERMANENT),
        ("192.0.2.1", "x@slow.example", Result.TEMPORARY),
        ("192.0.2.1", "x@away.example", Result.TEMPORARY),
        ("a folder", "x@ip.example", Result.NOT_CHECKED),
    ],
)
def test_a_sender_is_judged_by_its_domains_record(ip: str, sender: str, result: Result) -> None:
    """Mechanisms, modifiers, macros, and what is too much or broken."""
    assert check(ip, sender, "helo.example", _ask).result is result


def test_a_bounce_is_judged_by_its_greeting() -> None:
    """RFC 7208 2.4: it has no sender."""
    found = check("192.0.2.7", "", "ip.example", _ask)
    assert (found.result, found.of) == (Result.PASS, "ip.example")


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
def test_no_record_and_no_sender_breaks_it(ip: str, sender: str, helo: str, record: str) -> None:
    """Strangers write all of them."""

    def ask(_name: str, type_: str) -> Answer:
        return Answer((f"v=spf1 {record}",)) if type_ == "TXT" else Answer((record,))

    assert check("192.0.2.1", sender, helo, ask).method == "spf"
    assert check(ip, sender, "x.example", ask).method == "spf"

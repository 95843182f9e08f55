"""Learned rules are applied purely: only where every condition holds, in their order, and never to what has a form of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import ARF, DSN

from posthouse.inbound.learning.reading import with_rules
from posthouse.inbound.learning.rules import Rule, clean, gist, is_strange
from posthouse.inbound.parsing.reading import read
from posthouse.platform.errors import Invalid

RULE = Rule(1, "the pigeon has * no longer at home", "", "", "bounce", "userunknown", final=True)
STRANGE = b"From: Loft <loft@birds.example>\nSubject: Pigeon news\n\nDear sender, the PIGEON has found  that ann@example.net is\nno longer at home. 5.7.9\n"


def _seen(raw: bytes, *rules: Rule):
    return with_rules(read(raw), raw, rules)


def test_a_strange_mail_becomes_what_the_rule_says() -> None:
    """Capital letters and line ends don't matter; the excerpt shows what decided, without addresses."""
    assert is_strange(_seen(STRANGE))
    found = _seen(STRANGE, RULE)
    (one,) = found.outcomes
    assert (found.kind, found.rule, one.reason, one.hard, one.suppress, one.action) == (
        "bounce",
        "learned-1",
        "userunknown",
        True,
        True,
        "failed",
    )
    assert "pigeon has found" in one.text
    assert "ann@" not in one.text
    assert not is_strange(found)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"sender": "birds.example"}, True),
        ({"sender": "example"}, True),
        ({"sender": "irds.example"}, False),
        ({"sender": "other.example"}, False),
        ({"status": "5.7.9"}, True),
        ({"status": "x.7.9"}, True),
        ({"status": "x.7.*"}, True),
        ({"status": "4.7.9"}, False),
        ({"status": "x.1.*"}, False),
        ({"phrase": "no longer at home * pigeon has"}, False),
    ],
)
def test_every_condition_must_hold(change: dict[str, str], fits: bool) -> None:
    """Words in their order, code, and domain with those below it."""
    assert (_seen(STRANGE, replace(RULE, **change)).kind == "bounce") is fits


def test_a_delay_and_other_kinds() -> None:
    """Only a final bounce suppresses; a complaint gets its feedback."""
    (one,) = _seen(STRANGE, replace(RULE, final=False)).outcomes
    assert (one.action, one.suppress, one.class_) == ("delayed", False, 4)
    complaint = _seen(STRANGE, replace(RULE, kind="fbl", reason=""))
    assert complaint.feedback is not None
    assert gist(_seen(STRANGE, replace(RULE, kind="autoreply", reason=""))) == "autoreply"


def test_the_first_rule_decides() -> None:
    """In the order in which they were made."""
    assert _seen(STRANGE, RULE, replace(RULE, id=2, reason="mailboxfull")).outcomes[0].reason == "userunknown"


def test_a_report_keeps_its_form_and_gets_another_reason() -> None:
    """Of a status report only the reason is overruled, and only in its deciding text; a complaint is left alone."""
    dsn = DSN.format(to="b@r.example", action="failed", token="x").encode()
    rule = replace(RULE, phrase="<@>: no such user", reason="mailboxfull")
    (one,) = _seen(dsn, rule).outcomes
    assert (one.reason, one.hard, one.status, one.rule) == ("mailboxfull", False, "5.1.1", "learned-1")
    arf = ARF.format(kind="abuse", token="x", extra="").encode()
    assert _seen(arf, replace(RULE, phrase="email abuse report")) == read(arf)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phrase", "too short"),
        ("phrase", "* * *"),
        ("phrase", "x" * 400),
        ("status", "550"),
        ("sender", "a b"),
        ("kind", "dmarc"),
        ("reason", "nonsense"),
        ("reason", "delivered"),
    ],
)
def test_a_rule_that_is_too_wide_or_wrong_is_refused(field: str, value: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(Invalid) as caught:
        clean(replace(RULE, **{field: value}))
    assert caught.value.facts["field"] == field


def test_a_typed_rule_is_tidied_as_mails_are() -> None:
    """So that words copied out of a mail fit it: spaces, capitals, addresses."""
    made = clean(replace(RULE, phrase="  The PIGEON   has*that ann@example.net is ", sender="@Birds.example"))
    assert (made.phrase, made.sender) == ("the pigeon has * that @ is", "birds.example")
    assert _seen(STRANGE, made).kind == "bounce"


@given(st.binary(max_size=300), st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_mail_and_no_words_break_it(raw: bytes, words: str) -> None:
    """Any bytes, any phrase that is accepted."""
    try:
        rule = clean(replace(RULE, phrase=words + "twelve letters"))
    except Invalid:
        return
    assert gist(_seen(raw, rule))

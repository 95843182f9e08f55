"""Domains: which names can be one, what answers mean, and when a domain is verified or lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.platform.errors import Invalid
from posthouse.sending.dkim.keys import make_rsa_key
from posthouse.sending.domains import rules
from posthouse.sending.domains.rules import Answer, Evidence, Finding, Kind, State

OWN = frozenset({"mail.house.example", "app.house.example"})
KEY = make_rsa_key()
OTHER = make_rsa_key()
RECORDS = {
    record.kind: record
    for record in rules.records(
        domain="tea.example",
        claim_code="c0de",
        selector="s1",
        dkim_record=KEY.record,
        mail_domain="mail.house.example",
        tracking_target="app.house.example",
    )
}
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tea.Example", "tea.example"),
        (" tea.example. ", "tea.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("shop.tea.co.uk", "shop.tea.co.uk"),
    ],
)
def test_a_domain_is_kept_in_one_form(text: str, name: str) -> None:
    """Lower case, ASCII, no dot at its end."""
    assert rules.read_name(text, own_names=OWN) == name


@pytest.mark.parametrize("text", ["", "tea", "localhost", "co.uk", "github.io", "127.0.0.1", "[::1]", "2001:db8::1", "tea.local", "x.invalid", "-tea.example", "te_a.example", "a..example", "tea.example/x", "news@tea.example", "mail.house.example", "x.mail.house.example", "house.example", "a" * 64 + ".example", "\ud800.example", "tea\n.example"])  # fmt: skip
def test_96_what_cant_be_a_sending_domain(text: str) -> None:
    """Suffixes, addresses, special names and the installation's own are refused, with what to do."""
    with pytest.raises(Invalid) as refused:
        rules.read_name(text, own_names=OWN)
    assert refused.value.code == "domain_refused"
    assert refused.value.facts["field"] == "domain"


def test_the_records_name_neither_product_nor_operator() -> None:
    """White label: but for the targets, nothing in a record is anybody's name."""
    for record in RECORDS.values():
        assert "posthouse" not in (record.name + record.value).lower()
        assert record.name.endswith("tea.example")


def split(text: str) -> str:
    return " ".join(text[start : start + 255] for start in range(0, len(text), 255))


DKIM = RECORDS[Kind.DKIM].value


@pytest.mark.parametrize(("kind", "answer", "finding"), [
    (Kind.OWNERSHIP, Answer((RECORDS[Kind.OWNERSHIP].value,)), Finding.FOUND),
    (Kind.OWNERSHIP, Answer(("v=spf1 -all", "x" * 4000, RECORDS[Kind.OWNERSHIP].value, *("y" * 9,))), Finding.FOUND),
    (Kind.OWNERSHIP, Answer((RECORDS[Kind.OWNERSHIP].value.upper(),)), Finding.WRONG),
    (Kind.OWNERSHIP, Answer(), Finding.ABSENT),
    (Kind.OWNERSHIP, Answer(failed=True), Finding.UNKNOWN),
    (Kind.DKIM, Answer((DKIM,)), Finding.FOUND),
    (Kind.DKIM, Answer((split(DKIM),)), Finding.FOUND),
    (Kind.DKIM, Answer((DKIM.replace("; ", ";").replace("v=DKIM1;", ""),)), Finding.FOUND),
    (Kind.DKIM, Answer((OTHER.record,)), Finding.WRONG),
    (Kind.DKIM, Answer((DKIM, OTHER.record)), Finding.WRONG),
    (Kind.DKIM, Answer(("v=DKIM1; k=rsa; p=",)), Finding.WRONG),
    (Kind.DKIM, Answer((DKIM + "; t=y",)), Finding.WRONG),
    (Kind.DKIM, Answer((DKIM + "; t=s",)), Finding.FOUND),
    (Kind.DKIM, Answer(("hello",)), Finding.WRONG),
    (Kind.DMARC, Answer(("v=DMARC1; p=reject; rua=mailto:x@y.example",)), Finding.FOUND),
    (Kind.DMARC, Answer(("v=DMARC1; p=none", "v=DMARC1; p=none")), Finding.WRONG),
    (Kind.DMARC, Answer(("v=DMARC1; rua=mailto:x@y.example",)), Finding.WRONG),
    (Kind.RETURN_PATH, Answer(("Mail.House.example.",)), Finding.FOUND),
    (Kind.RETURN_PATH, Answer(("elsewhere.example",)), Finding.WRONG),
    (Kind.TRACKING, Answer(("cdn.example", "app.house.example")), Finding.FOUND),
])  # fmt: skip
def test_93_98_what_an_answer_means(kind: Kind, answer: Answer, finding: Finding) -> None:
    """Found, absent, wrong or unknown; all but found say what to do."""
    evidence = rules.judge(RECORDS[kind], answer)
    assert evidence.finding is finding
    assert bool(evidence.sentence) is (finding is not Finding.FOUND)


def said(ownership: Finding, dkim: Finding) -> dict[Kind, Evidence]:
    return {Kind.OWNERSHIP: Evidence(ownership, ""), Kind.DKIM: Evidence(dkim, "")}


@given(ownership=st.sampled_from(Finding), dkim=st.sampled_from(Finding), state=st.sampled_from(State))
def test_only_both_records_verify(ownership: Finding, dkim: Finding, state: State) -> None:
    """Nothing but the evidence of both required records makes a domain verified."""
    verdict = rules.decide(state=state, absent_since=None, evidence=said(ownership, dkim), now=NOW)
    if state is not State.VERIFIED:
        assert (verdict.state is State.VERIFIED) is (ownership is dkim is Finding.FOUND)
    else:
        assert verdict.state is State.VERIFIED  # nothing un-verifies at once


@pytest.mark.parametrize("away", [Finding.ABSENT, Finding.WRONG])
def test_d12_94_lost_after_72_hours_of_absence_and_never_for_a_failing_server(away: Finding) -> None:
    """71 hours keep it, 72 lose it; a name server that fails neither starts nor ends the count; one sight of it resets it."""
    gone = said(away, Finding.FOUND)
    first = rules.decide(state=State.VERIFIED, absent_since=None, evidence=gone, now=NOW)
    assert first == rules.Verdict(State.VERIFIED, NOW)
    failing = rules.decide(
        state=State.VERIFIED, absent_since=NOW, evidence=said(Finding.UNKNOWN, Finding.UNKNOWN), now=NOW + timedelta(days=9)
    )
    assert failing == rules.Verdict(State.VERIFIED, NOW)
    assert (
        rules.decide(state=State.VERIFIED, absent_since=None, evidence=said(Finding.UNKNOWN, Finding.FOUND), now=NOW).absent_since is None
    )
    assert rules.decide(state=State.VERIFIED, absent_since=NOW, evidence=gone, now=NOW + timedelta(hours=71)).state is State.VERIFIED
    assert rules.decide(state=State.VERIFIED, absent_since=NOW, evidence=gone, now=NOW + timedelta(hours=72)).state is State.PENDING
    back = rules.decide(state=State.VERIFIED, absent_since=NOW, evidence=said(Finding.FOUND, Finding.FOUND), now=NOW + timedelta(hours=71))
    assert back == rules.Verdict(State.VERIFIED, None)

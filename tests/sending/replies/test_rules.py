"""The classifier: real-world answers get the right reason, and hard, suppress and action keep apart."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reply_samples import SAMPLES

from posthouse.sending.replies.reading import LONGEST_TEXT
from posthouse.sending.replies.rulebook import reasons, rules
from posthouse.sending.replies.rules import classify, forget

REPLIES = [
    (550, "5.1.1", "The email account that you tried to reach does not exist. p=NoSuchUser", "rcpt", "userunknown"),
    (550, None, "No such user here", "rcpt", "userunknown"),
    (550, "5.4.4", "Host or domain name not found", "", "hostunknown"),
    (556, "5.1.10", "Recipient domain has a null MX", "rcpt", "notaccept"),
    (551, "5.1.6", "User has moved to another system", "rcpt", "hasmoved"),
    (552, "5.2.2", "Quota exceeded (mailbox for user is full)", "rcpt", "mailboxfull"),
    (452, "4.2.2", "The recipient's inbox is out of storage space", "rcpt", "mailboxfull"),
    (550, "5.2.1", "Mailbox disabled for this recipient", "rcpt", "suspend"),
    (552, "5.3.4", "Message size exceeds fixed limit", "mail", "mesgtoobig"),
    (552, "5.2.3", "Message exceeds the limit of this mailbox", "dot", "exceedlimit"),
    (550, "5.7.26", "This mail is unauthenticated and fails DMARC checks", "dot", "authfailure"),
    (550, "5.7.25", "The sending address has no PTR record", "rcpt", "requireptr"),
    (554, "5.7.1", "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "rcpt", "blocked"),
    (554, "5.7.1", "Message rejected: it was classified as spam", "dot", "spamdetected"),
    (554, None, "Virus found, message discarded", "dot", "virusdetected"),
    (554, "5.7.1", "<x@example.org>: Relay access denied", "rcpt", "norelaying"),
    (553, "5.1.8", "Domain of sender address does not exist", "mail", "rejected"),
    (421, "4.7.0", "[TSS04] Messages temporarily deferred due to unexpected volume or user complaints", "mail", "badreputation"),
    (421, None, "Too many concurrent SMTP connections from this address", "connect", "toomanyconn"),
    (451, "4.7.1", "Rate limit exceeded, slow down", "rcpt", "speeding"),
    (454, "4.7.0", "TLS not available due to a local problem", "starttls", "failedstarttls"),
    (554, "5.4.6", "Too many hops", "dot", "networkerror"),
    (451, "4.3.0", "Queue file write error", "dot", "systemerror"),
    (450, "4.2.0", "Recipient address rejected: Greylisted, see http://postgrey.example/help", "rcpt", "blocked"),
    (550, "5.7.1", "Recipient address rejected: Message refused by local policy", "rcpt", "policyviolation"),
    (452, "4.3.1", "Insufficient system storage", "mail", "systemfull"),
]


@pytest.mark.parametrize(("code", "enhanced", "text", "stage", "reason"), REPLIES)
def test_a_common_answer_gets_its_reason(code: int, enhanced: str | None, text: str, stage: str, reason: str) -> None:
    """The words decide, whatever the provider."""
    assert classify(code, enhanced, text, stage=stage).reason == reason


def test_hard_and_suppress_are_two_things() -> None:
    """A disabled mailbox exists, and still must not be written to; a full one may be."""
    gone = classify(550, "5.1.1", "User unknown", stage="rcpt")
    disabled = classify(550, "5.2.1", "Account disabled", stage="rcpt")
    full = classify(552, "5.2.2", "Mailbox full", stage="rcpt")
    assert [(c.hard, c.suppress) for c in (gone, disabled, full)] == [(True, True), (False, True), (False, False)]


def test_a_temporary_answer_never_suppresses() -> None:
    """450 User unknown asks for another try, though its reason would be hard."""
    answer = classify(450, "4.1.1", "User unknown in virtual alias table", stage="rcpt")
    assert (answer.action, answer.class_, answer.reason, answer.suppress) == ("delayed", 4, "userunknown", False)


def test_the_reply_code_beats_a_contradicting_status() -> None:
    """A server that says 450 5.1.1 wants another try (RFC 5321 4.2.1)."""
    assert classify(450, "5.1.1", "User unknown", stage="rcpt").action == "delayed"


def test_unknown_without_proof_from_rcpt_is_not_hard() -> None:
    """Some providers say 'user unknown' after the data for a recipient's own filter."""
    assert classify(550, None, ": User unknown", stage="dot").reason == "filtered"


def test_the_stage_is_read_from_the_text() -> None:
    """Postfix names the command that was answered."""
    assert classify(550, "5.0.0", "host mx said: 550 unknown user (in reply to RCPT TO command)").reason == "userunknown"


def test_an_address_is_never_taken_for_a_reason() -> None:
    """A mailbox that is called mailboxfull@ says nothing about its size."""
    assert classify(550, "5.1.1", "<mailboxfull@spamhaus.example>: user unknown", stage="rcpt").reason == "userunknown"


def test_a_welcome_is_delivered() -> None:
    """2yz is a success whatever the words."""
    assert classify(250, "2.0.0", "queued as spam", stage="dot").action == "delivered"


def test_nothing_said_is_undefined() -> None:
    """Silence gets neither hard nor suppress."""
    answer = classify(0, None, "")
    assert (answer.reason, answer.hard, answer.suppress, answer.class_) == ("undefined", False, False, 0)


def test_every_rule_has_a_known_reason_and_its_evidence() -> None:
    """The rule book is data that can be read by people."""
    assert all(rule.reason in reasons() and len(rule.evidence) > 4 for rule in rules())
    assert all(rule.phrases or rule.pattern or rule.statuses or rule.codes for rule in rules())


@settings(deadline=None)
@given(st.integers(-1, 1000), st.one_of(st.none(), st.text(max_size=12)), st.text(max_size=300), st.sampled_from(["", "rcpt", "dot", "x"]))
def test_no_input_raises(code: int, enhanced: str | None, text: str, stage: str) -> None:
    """A hostile server cannot break the sender: every input has an answer from the vocabulary."""
    assert classify(code, enhanced, text, stage=stage).reason in reasons()


def test_every_rule_has_its_sample() -> None:
    """A rule that no sample needs is not kept, and no sample outlives its rule."""
    assert set(SAMPLES) == {rule.name for rule in rules()}


@pytest.mark.parametrize("name", list(SAMPLES))
def test_a_sample_is_decided_by_its_rule(name: str) -> None:
    """The rule named, and no other, gives the reason."""
    assert {classify(0, None, text).rule for text in SAMPLES[name]} == {name}


def test_short_words_count_only_as_words() -> None:
    """A module is no dial-up list, and produce no unsolicited mail."""
    assert classify(0, None, "LOCAL module reports: the schedule could not be produced").reason == "undefined"


def test_an_unknown_detail_means_what_its_subject_means() -> None:
    """RFC 3463 2: codes grow; the class and the subject still tell."""
    found = [classify(0, status, "") for status in ("5.1.77", "4.4.99", "5.6.44", "5.7.999")]
    assert [one.reason for one in found] == ["userunknown", "networkerror", "contenterror", "securityerror"]


def _wordings() -> list[tuple[str, str, str]]:
    lines = (Path(__file__).parent / "wordings.tsv").read_text(encoding="utf-8").splitlines()
    return [(reasons_, stage, text) for line in lines if line[0] != "#" for reasons_, stage, text in [line.split("\t")]]


def test_many_servers_wordings_are_understood() -> None:
    """Other wordings, providers and languages than the samples of the rules: all of them, so that a change shows what it breaks."""
    wrong = [
        (right, said.reason, text)
        for right, stage, text in _wordings()
        if (said := classify(0, None, text, stage=stage)).reason not in right.split("|")
    ]
    assert wrong == []


def test_what_is_remembered_of_strangers_is_bounded() -> None:
    """The same megabytes in ever new words leave next to nothing behind: only what was looked at is remembered."""
    classify(0, None, "")
    forget()
    tracemalloc.start()
    try:
        for number in range(50):
            classify(0, None, f"{number} 550 5.1.1 user unknown " + "x" * 1_000_000)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 50 * (LONGEST_TEXT + 5_000)


def test_the_section_of_a_standard_is_no_status() -> None:
    """A refusal that cites RFC 5322 section 2.1.1 is neither a success nor about an unknown user."""
    answer = classify(0, None, "550 Header line too long, see RFC 5322 section 2.1.1", stage="dot")
    assert (answer.action, answer.status, answer.reason) == ("failed", None, "notcompliantrfc")

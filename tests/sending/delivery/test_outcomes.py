"""What a message becomes follows from the journal's last word, its stream and its time; never from anything else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.delivery.outcomes import COMPOSE, Held, decide
from posthouse.sending.delivery.records import Mark, Record

NOW = datetime(2026, 1, 2, tzinfo=UTC)
_RECORD = st.none() | st.builds(
    Record,
    st.sampled_from([Mark.INTENT, Mark.SENT, Mark.DEFERRED, Mark.REFUSED, Mark.UNKNOWN]),
    st.just(1),
    st.sampled_from([0, 250, 421, 451, 550, 554]),
    st.sampled_from([None, "5.1.1", "4.2.2"]),
    st.sampled_from(["mail", "rcpt", "data", "dot", COMPOSE, ""]),
    st.text(max_size=40),
)


def _held(stream="marketing", age=timedelta(hours=1), attempts=0):
    return Held(
        id=1,
        stream=stream,
        campaign_id=5,
        list_id=None,
        domain="x.test",
        email_norm="r@x.test",
        attempts=attempts,
        created_at=NOW - age,
        expires_at=None,
    )


@given(_RECORD, st.sampled_from(["marketing", "transactional"]), st.integers(0, 200), st.integers(0, 40), st.booleans())
def test_every_word_gives_exactly_one_state(record, stream, hours, attempts, stopped):
    """Always one valid state; queued if and only if there is a next time; used exactly where a copy may have arrived."""
    held = _held(stream, timedelta(hours=hours), attempts)
    outcome = decide(held, record, now=NOW, stopped=stopped)
    assert outcome.state in {"queued", "sent", "failed", "expired", "cancelled", "unknown"}
    assert (outcome.state == "queued") == (outcome.not_before is not None)
    assert outcome.used == (record is not None and record.mark in {Mark.SENT, Mark.INTENT, Mark.UNKNOWN})
    if outcome.state != "queued":
        assert outcome.event == outcome.state  # who follows the events learns every end
    assert (outcome.state == "sent") == (record is not None and record.mark is Mark.SENT)
    assert outcome.attempts == attempts + (record is not None)


@pytest.mark.parametrize("mark", [Mark.INTENT, Mark.UNKNOWN])
def test_the_unknowable_is_held_or_sent_again(mark):
    """Nobody gets a campaign twice; a single message goes again with the same id."""
    record = Record(mark, 1)
    assert decide(_held(), record, now=NOW, stopped=False).state == "unknown"
    assert decide(_held("transactional"), record, now=NOW, stopped=False).state == "queued"


def test_a_refusal_is_classified_like_a_bounce():
    """No such user: hard, and not to be written to again."""
    record = Record(Mark.REFUSED, 1, 550, "5.1.1", "rcpt", "no such user here")
    outcome = decide(_held(), record, now=NOW, stopped=False)
    assert (outcome.state, outcome.reason, outcome.hard, outcome.suppress) == ("failed", "userunknown", True, True)


def test_a_letter_that_cannot_be_made_says_why():
    """Its reason is the composer's sentence; the address is not to blame."""
    record = Record(Mark.REFUSED, 1, 0, None, COMPOSE, "The subject is empty for this contact.")
    outcome = decide(_held(), record, now=NOW, stopped=False)
    assert (outcome.state, outcome.reason, outcome.suppress) == ("failed", "The subject is empty for this contact.", False)


def test_a_message_that_never_left_goes_again_at_once_unless_stopped():
    """It counts as no attempt; a stopped campaign's is cancelled."""
    again = decide(_held(), None, now=NOW, stopped=False)
    assert (again.state, again.not_before, again.attempts) == ("queued", NOW, 0)
    assert decide(_held(), None, now=NOW, stopped=True).state == "cancelled"

"""A flood of real and forged mail while everything under it is killed: what got 250 is processed once, and what is forged does nothing."""

from collections import Counter

import pytest
from flood import Flood
from flood_letters import address, truths

DRIFT_MB = 20
PEAK_MB = 220  # a young process has 105; a full batch of mail, whatever came before it, makes it 165


@pytest.fixture
def mails(request):
    """How many letters to hand in; 0 is the test's own number."""
    return request.config.getoption("--mails")


@pytest.fixture
def flood(app, world, tmp_path, seed):
    made = Flood(app, world, tmp_path, seed)
    try:
        yield made
    finally:
        made.clear_away()


def _run(flood, mails, kills, *, minutes=None):
    """Return the figures of a flood that changed what it should and nothing else."""
    messages = max(20, mails // 80 * 10)
    writer = flood.set_up(messages)
    flood.pour(writer, mails, kills, minutes=minutes)
    truth = truths(writer, mails)
    flood.forget_connections()
    flood.drain(sum(len(one.bounced) for one in truth.tenants), seconds=60 + mails / 50)
    assert flood.stop() == 0
    assert flood.fell["inbound"] == 0
    replies = sum((sender.replies for sender in flood.senders), Counter())
    # No reply but the one that is due, or one that asks to come again; 0 is a line that was cut.
    assert {code for wanted, code in replies if code != wanted} <= {0, 421, 451}, replies
    for place, one, ids in zip(flood.places, truth.tenants, writer.messages, strict=True):
        _check_tenant(flood, place, one, ids)
    _check_nobodys(flood, truth)
    return _figures(flood, mails, truth, replies)


def _check_tenant(flood, place, truth, ids):
    """Mail, marks, history, suppressions, counters and subscriptions say what the real mail said; of the last tenant there is none."""
    number = {message_id: index for index, message_id in enumerate(ids)}
    kept = flood.ask(place, "SELECT fingerprint, effect FROM inbound_mail")
    assert {bytes(row.fingerprint) for row in kept} == truth.mails
    assert len(kept) == len(truth.mails)
    assert Counter(row.effect for row in kept) == truth.effects
    marked = flood.ask(place, "SELECT id, bounced_at, complained_at, hard FROM message")
    assert {number[row.id] for row in marked if row.bounced_at} == truth.bounced == {number[row.id] for row in marked if row.hard}
    assert {number[row.id] for row in marked if row.complained_at} == truth.complained
    history = flood.ask(place, "SELECT message_id, kind, count(*) AS times FROM message_event GROUP BY message_id, kind")
    assert {(number[row.message_id], row.kind): row.times for row in history} == truth.events
    suppressed = flood.ask(place, "SELECT address, reason FROM suppression")
    assert sorted(map(tuple, suppressed)) == sorted(truth.suppressed)
    counted = flood.ask(place, "SELECT coalesce(sum(bounces), 0), coalesce(sum(complaints), 0) FROM standing_count")
    assert tuple(map(int, counted[0])) == (len(truth.bounced), len(truth.complained))
    ended = flood.ask(place, "SELECT c.email_norm FROM subscription s JOIN contact c ON c.id = s.contact_id WHERE s.state = 'bounced'")
    assert {row.email_norm for row in ended} == {address(index) for index in truth.bounced}


def _check_nobodys(flood, truth):
    """What is forged, or about nothing, waits for the operator, each once."""
    rows = flood.ask(None, "SELECT fingerprint, why FROM unmatched_mail")
    for why, wanted in truth.unmatched.items():
        assert {bytes(row.fingerprint) for row in rows if row.why == why} == wanted
    assert {row.why for row in rows} == {why for why, wanted in truth.unmatched.items() if wanted}
    assert not truth.tenants[-1].mails, "the last tenant is named by forgers alone"


def _figures(flood, mails, truth, replies):
    counted = {row.what: int(row.mails) for row in flood.ask(None, "SELECT what, sum(mails) AS mails FROM inbound_tally GROUP BY what")}
    # A kill takes the last seconds' counts along, and in a short flood that may be all of them; never is more counted than was.
    assert mails < 3_000 or counted["refused-token"] > 0
    assert counted.get("refused-token", 0) <= sum(times for (wanted, _), times in replies.items() if wanted == 550)
    drift = flood.drift_mb()
    assert drift is None or drift < DRIFT_MB
    assert flood.peak_mb() < PEAK_MB
    by_code = Counter()
    for (_wanted, code), times in replies.items():
        by_code[str(code or "cut")] += times
    return {
        "letters": mails, "kills": dict(flood.kills), "replies": dict(by_code),
        "kept": sum(len(one.mails) for one in truth.tenants), "nobodys": sum(map(len, truth.unmatched.values())),
        "handed_in_again": truth.repeated, "effects": dict(sum((one.effects for one in truth.tenants), Counter())),
        "tally": counted, "growth_mb": flood.growth_mb(), "drift_mb": drift, "peak_mb": flood.peak_mb(), "fell": dict(flood.fell),
        "seconds_of": flood.seconds, "cpu_seconds": flood.cpu_seconds(),
    }  # fmt: skip


@pytest.mark.timeout(200)
def test_a_flood_of_four_hundred(flood, figures):
    """Six kills: part of every run."""
    figures(_run(flood, 400, 6))


@pytest.mark.faults
@pytest.mark.timeout(36_000)
def test_a_flood_of_thousands(flood, mails, kills, minutes, figures):
    """The same with 3,000 letters and 40 kills, or as many as `--mails` and `--kills` say; the figures are kept for the report.

    At most one kill in fifty letters: with more, no process would live long enough to do anything.
    """
    mails = mails or 3_000
    figures(_run(flood, mails, min(kills or 40, mails // 50), minutes=minutes), keep="floods")

"""The account of a demonstration is compared figure by figure, and one that differs is named."""

from dataclasses import replace

import pytest

from posthouse.webui.demo.agreement import disagreements
from posthouse.webui.demo.figures import Account, Figures
from posthouse.webui.demo.performance import Outcome

DOMAIN = "shop.example"


def _account(**changes):
    figures = Figures(
        name="Shop", imported=120, refused=2, quota=100, sent=100, delivered=97, bounced=8, deferred=1, waiting=14, unknown=0,
        complaints=1, unsubscribed=2, opens=30, clicks=6, suppressed=9,
    )  # fmt: skip
    return Account(
        figures=replace(figures, **{name: value for name, value in changes.items() if hasattr(figures, name)}),
        rejected=changes.get("rejected", 5),
        returned=changes.get("returned", 3),
        used=changes.get("used", 100),
        recipients=changes.get("recipients", 120),
        underway=changes.get("underway", 0),
        soon=changes.get("soon", 0),
        state="waiting",
        reason="",
        resumes_at=None,
        rolled_up=changes.get("rolled_up", 100),
    )


def _state(**changes):
    counts = {"accepted": 100, "bounces": 3, "complaints": 1, "unsubscribes": 2, "opens": 30, "clicks": 6} | changes
    totals = {"accepted": 100, "dkim_pass": 100, "dkim_fail": 0, "duplicates": 0, "failures": 0}
    return {
        "senders": {DOMAIN: counts, f"bounce.{DOMAIN}": {"refused": changes.get("refused", 5)}},
        "totals": totals | {name: value for name, value in changes.items() if name in totals},
    }


def test_two_sides_that_say_the_same_agree():
    """Nothing is named when every figure is the same on both sides."""
    assert disagreements([(DOMAIN, _account())], _state()) == []


@pytest.mark.parametrize(
    "theirs", ["bounces", "complaints", "unsubscribes", "opens", "clicks", "refused", "dkim_pass", "dkim_fail", "duplicates", "failures"]
)
def test_each_figure_of_the_mailboxes_counts(theirs):
    """One figure that the mailboxes give differently is found."""
    assert len(disagreements([(DOMAIN, _account())], _state(**{theirs: 999}))) == 1


@pytest.mark.parametrize(
    "ours",
    ["complaints", "unsubscribed", "opens", "clicks", "rejected", "returned", "used", "rolled_up", "recipients", "waiting", "unknown"],
)
def test_each_figure_of_ours_counts(ours):
    """One figure that the database gives differently is found, with the tenant's name."""
    found = disagreements([(DOMAIN, _account(**{ours: 999}))], _state())
    assert found
    assert str(found[0]).startswith("Shop: ")


def test_a_quota_is_at_rest_when_it_is_used_up():
    """What waits for the next month is at rest; what waits with quota left, or is under way, is not."""
    assert _account().at_rest
    assert not _account(used=99).at_rest
    assert not _account(underway=1).at_rest
    assert not _account(recipients=119).at_rest
    assert not _account(used=50, quota=1000, waiting=0, soon=1).at_rest


def test_a_foreign_row_or_a_disagreement_spoils_the_outcome():
    """The exit status follows from both."""
    fine = Outcome(accounts=(_account(),), simulator={}, foreign_rows=0, disagreements=())
    assert fine.well
    assert not replace(fine, foreign_rows=1).well
    assert not replace(fine, disagreements=tuple(disagreements([(DOMAIN, _account())], _state(opens=1)))).well

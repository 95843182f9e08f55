"""A subscription's present facts decide, whatever the order, the repetition and the delay of the events that report them."""

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.billing.money import Money
from posthouse.billing.subscriptions.rules import (
    STATUSES,
    Decision,
    Facts,
    Reason,
    State,
    decide,
    governing,
    may_check_out,
    may_send,
    tenant_state,
)

T0 = datetime(2026, 11, 1, tzinfo=UTC)


def facts(status: str, **other) -> Facts:
    base = {"subscription_id": "sub_1", "price_id": "price_1", "price": Money(2990, "eur"), "created_at": T0}
    base |= {"period_start": T0, "period_end": T0 + timedelta(days=30)}
    return Facts(status=status, **{**base, **other})


@pytest.mark.parametrize(
    ("status", "state", "reason", "sends", "tenant"),
    [
        ("trialing", State.TRIALING, Reason.TRIAL, True, "active"),
        ("active", State.ACTIVE, Reason.PAID, True, "active"),
        ("incomplete", State.PAUSED, Reason.FIRST_PAYMENT_MISSING, False, "paused"),
        ("incomplete_expired", State.CANCELLED, Reason.ENDED, False, "paused"),
        ("paused", State.PAUSED, Reason.PAUSED_AT_STRIPE, False, "paused"),
        ("canceled", State.CANCELLED, Reason.ENDED, False, "paused"),
    ],
)
def test_statuses_that_need_no_clock(status, state, reason, sends, tenant):
    """Each of Stripe's plain statuses has one meaning for sending."""
    found = decide(facts(status), now=T0)
    assert found == Decision(state=state, reason=reason)
    assert may_send(state) is sends
    assert tenant_state(state) == tenant


@pytest.mark.parametrize("status", ["past_due", "unpaid"])
def test_a_failed_payment_has_grace_until_its_last_second(status):
    """Grace runs from the oldest open invoice; its end belongs to the pause."""
    behind = facts(status, unpaid_since=T0 + timedelta(days=2))
    ends = T0 + timedelta(days=9)
    before = decide(behind, now=ends - timedelta(microseconds=1))
    assert before == Decision(state=State.GRACE, reason=Reason.PAYMENT_FAILED, grace_until=ends)
    assert decide(behind, now=ends) == Decision(state=State.PAUSED, reason=Reason.GRACE_ENDED, grace_until=ends)
    assert tenant_state(State.GRACE) == "grace"
    assert may_send(State.GRACE)


def test_no_grace_means_a_pause_at_once():
    """A plan with no days of grace pauses the moment that a payment is overdue."""
    found = decide(facts("past_due", unpaid_since=T0), now=T0, grace_days=0)
    assert found is not None
    assert found.state is State.PAUSED


def test_without_an_open_invoice_grace_runs_from_the_period():
    """Stripe may say past_due with no open invoice to read; the period's start is the earliest that can be owed."""
    found = decide(facts("past_due"), now=T0 + timedelta(days=1))
    assert found is not None
    assert found.grace_until == T0 + timedelta(days=7)


@given(st.text(max_size=20).filter(lambda word: word not in STATUSES))
def test_an_unknown_status_changes_nothing(status):
    """A word of a later API version is not guessed at."""
    assert decide(facts(status), now=T0) is None
    assert governing([facts(status)]) is None


def test_the_better_subscription_governs():
    """A paid one beats an ended or an overdue one, whichever is newer; among equals the newer counts; the order found doesn't matter."""
    ended = facts("canceled", subscription_id="sub_old", created_at=T0 + timedelta(days=9))
    paid = facts("active", subscription_id="sub_paid")
    newer = facts("active", subscription_id="sub_newer", created_at=T0 + timedelta(days=1))
    owed = facts("past_due", subscription_id="sub_owed", created_at=T0 + timedelta(days=5))
    for order in itertools.permutations([ended, paid, newer, owed]):
        assert governing(order) is newer
    assert governing([ended]) is ended
    assert governing([]) is None


def test_checkout_is_open_to_those_without_a_running_subscription():
    """Nobody is let into paying twice."""
    assert may_check_out(None)
    assert may_check_out(State.CANCELLED)
    assert not any(may_check_out(state) for state in (State.TRIALING, State.ACTIVE, State.GRACE, State.PAUSED))


# One subscription's life: after each step Stripe holds these facts and reports them by one of the eight usual events.
LIFE = [
    ("customer.subscription.created", facts("incomplete", unpaid_since=T0)),
    ("invoice.created", facts("incomplete", unpaid_since=T0)),
    ("checkout.session.completed", facts("active")),
    ("invoice.paid", facts("active")),
    ("customer.subscription.updated", facts("active", price_id="price_2")),
    ("invoice.payment_failed", facts("past_due", price_id="price_2", unpaid_since=T0 + timedelta(days=30))),
    ("invoice.payment_succeeded", facts("active", price_id="price_2")),
    ("customer.subscription.deleted", facts("canceled", price_id="price_2")),
]


def deliver(order: list[int], *, alive_until: int, rng: random.Random) -> Decision | None:
    """Work events off in this order while the life goes on beside; each reads the facts of its own moment, as the job does."""
    standing, step = None, 0
    for place, event in enumerate(order):
        # No event comes before it happened; the life may run ahead of its news by any distance.
        step = max(step, event, rng.randint(step, alive_until))
        if place == len(order) - 1:
            step = alive_until
        found = decide(LIFE[step][1], now=T0 + timedelta(days=31))
        standing = found or standing
    return standing


def test_ten_thousand_orders_with_repeats_end_alike():
    """All orders and repeats of the usual events lead to the state that the present facts mean (threat I3, row 86)."""
    rng = random.Random(86)
    for number in range(12_000):
        alive_until = number % len(LIFE)
        order = [event for event in range(alive_until + 1) for _ in range(rng.randint(1, 3))]
        rng.shuffle(order)
        assert deliver(order, alive_until=alive_until, rng=rng) == decide(LIFE[alive_until][1], now=T0 + timedelta(days=31)), order

"""Why mail waits is said in words that name nobody above the tenant, to that tenant alone."""

from datetime import UTC, datetime, timedelta

import pytest

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.sending.delivery import holds, turns

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _hold(place, by, until):
    with transaction(place.scope):
        turns.set_weight(place.scope, stream="marketing", weight=1)
        turns.after_turn(place.scope, stream="marketing", due_at=until, pool_id=None, share=1, hold=turns.Hold(by, until))


@pytest.mark.parametrize(
    ("by", "words", "ends"),
    [
        ("tenant:month", "your allowance for this month is used up", True),
        ("reseller:day", "your provider's sending limit for today is reached", True),
        ("operator:hour", "your provider's sending limit for this hour is reached", True),
        ("account", "the state of your account", False),
        ("no_pool", "has not given you a way out", False),
    ],
)
def test_each_hold_has_its_words(world, by, words, ends):
    until = T0 + timedelta(hours=1)
    with clock.frozen(T0) as at:
        _hold(world.a1, by, until)
        with transaction(world.a1.scope):
            (card,) = holds.list_holds(world.a1.scope)
            assert words in card.sentence
            assert "operator" not in card.sentence
            assert (card.ends, card.resumes_at) == (ends, until)
        with transaction(world.a2.scope):
            assert holds.list_holds(world.a2.scope) == []
        at.move(hours=1)
        with transaction(world.a1.scope):
            assert holds.list_holds(world.a1.scope) == []

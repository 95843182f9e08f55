"""Two people with the same campaign open press buttons of pages that are no longer true: nothing breaks, and the page says what is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from shops import make_shop
from street import open_street
from visitor import Visitor

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.runner import run_due


@pytest.fixture
def street(tmp_path):
    with open_street(tmp_path) as made:
        yield made


def test_steps_by_two_browsers_at_once_are_taken_once(street):
    """Started, paused, gone on with and stopped by both, each twice; a stale page's button is answered with what holds now."""
    shop = make_shop(street.world.a1.scope, name="tea", people=4)
    path = f"/campaigns/{ids.encode('cmp', shop.campaign().id)}"
    both = [Visitor(street.served.url) for _ in range(2)]
    for one in both:
        one.sign_in(street.world.a1.email)

    def press(button: str) -> set[int]:
        with ThreadPoolExecutor(4) as pool:
            return {seen.status for seen in pool.map(lambda one: one.post(f"{path}/{button}", page="/contacts/new"), [*both, *both])}

    assert press("start") == {200}
    run_due()
    for button, says in (("pause", "Paused"), ("go-on", "On its way"), ("stop", "Stopped"), ("pause", "Stopped"), ("go-on", "Stopped")):
        assert press(button) == {200}, button
        run_due()
        assert says in both[0].get(path).text
    assert "Only a paused campaign can go on." in both[1].post(f"{path}/go-on", page="/contacts/new").text
    with transaction(street.world.a1.scope) as live:
        assert live.execute(sa.text("SELECT state, count(*) FROM message GROUP BY 1")).all() == [("cancelled", 4)]
        audit = live.execute(sa.text("SELECT verb, count(*) FROM tenant_audit WHERE verb LIKE 'campaign.%' GROUP BY 1 ORDER BY 1")).all()
    assert {verb: times for verb, times in audit if verb != "campaign.created"} == {
        "campaign.started": 1,
        "campaign.paused": 1,
        "campaign.resumed": 1,
        "campaign.stopped": 1,
    }

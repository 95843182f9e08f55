"""What calls for action is named, worst first, and only where there is enough to judge by; any column sorts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from posthouse.sending.volumes.queries import Volume
from posthouse.tenants.accounts.queries import TenantCard
from posthouse.tenants.quotas.queries import OverviewCard
from posthouse.webui.pages import standing

T0 = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _line(name="A", *, state="active", week=None, month=None, use=None):
    card = TenantCard(1, name.lower(), name, state, "Because." if state != "active" else "", T0)
    return standing.Line(card, week or Volume(), month or Volume(), use or OverviewCard(0, None, 0, None), None)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        (_line(), []),
        (_line(state="grace"), ["warn"]),
        (_line(state="paused"), ["bad"]),
        (_line(state="suspended"), ["bad"]),
        (_line(week=Volume(sent=199, bounced=199)), []),
        (_line(week=Volume(sent=1000, bounced=49)), []),
        (_line(week=Volume(sent=1000, bounced=50)), ["warn"]),
        (_line(week=Volume(sent=900, failed=100)), ["bad"]),
        (_line(week=Volume(sent=10_000, complained=9)), []),
        (_line(week=Volume(sent=10_000, complained=10)), ["warn"]),
        (_line(week=Volume(sent=10_000, complained=30)), ["bad"]),
        (_line(use=OverviewCard(89, 100, 0, None)), []),
        (_line(use=OverviewCard(90, 100, 0, None)), ["warn"]),
        (_line(use=OverviewCard(100, 100, 5, 5)), ["warn", "warn"]),
        (_line(use=OverviewCard(0, 0, 0, None)), ["warn"]),
        (_line(state="grace", week=Volume(sent=1000, complained=5)), ["bad", "warn"]),
    ],
)
def test_what_calls_for_action(line, kinds):
    assert [one.kind for one in standing.judge(line)] == kinds


def test_every_column_sorts_both_ways_and_equal_ones_stand_by_name():
    lines = [_line("b"), _line("C", month=Volume(sent=5)), _line("a", month=Volume(sent=9, bounced=3))]
    for by in standing.SORTS:
        up = standing.sort(lines, standing.Order(by, falling=False))
        assert len(up) == 3
    assert [one.tenant.name for one in standing.sort(lines, standing.Order("sent", falling=True))] == ["a", "C", "b"]
    assert [one.tenant.name for one in standing.sort(lines, standing.Order("name", falling=False))] == ["a", "b", "C"]
    assert [one.tenant.name for one in standing.sort(lines, standing.Order("bounced", falling=True))] == ["a", "C", "b"]


@pytest.mark.parametrize(
    ("by", "direction", "order"),
    [
        ("", "", standing.Order("alerts", falling=True)),
        ("nonsense; DROP", "up", standing.Order("alerts", falling=True)),
        ("sent", "", standing.Order("sent", falling=True)),
        ("name", "", standing.Order("name", falling=False)),
        ("name", "down", standing.Order("name", falling=True)),
        ("sent", "sideways", standing.Order("sent", falling=True)),
    ],
)
def test_an_order_is_read_from_the_address(by, direction, order):
    assert standing.read_order(by, direction) == order

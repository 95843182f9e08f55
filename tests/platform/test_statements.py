"""Statements on the driver itself: the same transaction and wall, arrays that come back as they went, errors by their usual names."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posthouse.platform.db import session, transaction
from posthouse.platform.statements import array, rows

_TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(st.none() | _TEXTS, max_size=6), numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6))
def test_arrays_come_back_as_they_went(world, texts, numbers):
    """Quotes, backslashes, braces, empty texts and the word NULL are themselves; None is NULL."""
    asked = {"texts": array([*texts, "NULL", ""]), "numbers": array(numbers)}
    with transaction(world.operator):
        found = rows(world.operator, "SELECT CAST(%(texts)s AS text[]) AS texts, CAST(%(numbers)s AS bigint[]) AS numbers", asked)
    assert found[0].texts == [*texts, "NULL", ""]
    assert found[0].numbers == numbers


def test_it_is_the_same_transaction_behind_the_same_wall(world):
    """What the session wrote is there, and another tenant's rows are not."""
    count = "SELECT count(*) AS n FROM contact_list WHERE %(one)s = 1"
    with transaction(world.a1.scope) as live:
        live.execute(sa.text("INSERT INTO contact_list (tenant_id, name, created_at) VALUES (:id, 'x', now())"), {"id": world.a1.id})
        assert rows(world.a1.scope, count, {"one": 1})[0].n == 1
    with transaction(world.a2.scope):
        assert rows(world.a2.scope, count, {"one": 1})[0].n == 0


def test_trouble_has_its_usual_name(world):
    """Who catches SQLAlchemy's errors catches these, and a connection that is cut off is thrown away."""
    with pytest.raises(sa.exc.DataError), transaction(world.a1.scope):
        rows(world.a1.scope, "SELECT CAST(%(text)s AS bigint)", {"text": "x"})
    with pytest.raises(sa.exc.OperationalError), transaction(world.a1.scope):
        rows(world.a1.scope, "SELECT pg_terminate_backend(pg_backend_pid())", {})
    with transaction(world.a1.scope):
        assert session(world.a1.scope).execute(sa.text("SELECT 1")).scalar_one() == 1

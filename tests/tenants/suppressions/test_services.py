"""Suppressions: whom nobody may write to, how far that reaches, and who may end it."""

from dataclasses import replace

import pytest

from posthouse.platform import secrets
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.tenants.suppressions import queries, rules, services


def suppressed(scope, emails=("ann@company.com", "bob@company.com"), *, stream="marketing", list_id=None):
    with transaction(scope):
        return queries.suppressed_emails(scope, list(emails), stream=stream, list_id=list_id)


def test_tenant_reach_and_repeating(world):
    """A suppression of the tenant binds every stream and list; making it again changes nothing."""
    scope = world.a1.scope
    with transaction(scope):
        assert services.suppress(scope, email="ANN@company.com", reason="hard_bounce", source="bounce", message_id=7)
        assert not services.suppress(scope, email="ann@company.com", reason="hard_bounce", source="bounce")
    for stream in rules.STREAMS:
        assert suppressed(scope, stream=stream, list_id=4) == {"ann@company.com"}
    with transaction(scope):
        (card,) = queries.list_suppressions(scope).cards
        assert (card.address, card.reason, card.reach, card.message_id) == ("ann@company.com", "hard_bounce", "tenant", 7)
        assert queries.count_by_reason(scope) == {"hard_bounce": 1}


def test_stream_reach(world):
    """A suppression of one stream leaves the other."""
    scope = world.a1.scope
    with transaction(scope):
        services.suppress(scope, email="ann@company.com", reason="unsubscribe", source="link", reach="stream", stream="marketing")
    assert suppressed(scope) == {"ann@company.com"}
    assert suppressed(scope, stream="transactional") == frozenset()


def test_stronger_reason_replaces_one_that_could_be_lifted(world):
    """A complaint after a bounce can't be lifted as the bounce could; a bounce after a complaint changes nothing."""
    scope = world.a1.scope
    for reason in ("hard_bounce", "complaint", "manual"):
        with transaction(scope):
            services.suppress(scope, email="ann@company.com", reason=reason, source="x")
    with transaction(scope):
        (card,) = queries.suppressions_of(scope, "ann@company.com")
    assert (card.reason, card.may_lift) == ("complaint", False)
    with transaction(scope), pytest.raises(Conflict):
        services.lift(scope, suppression_id=card.id)


def test_lift(world):
    """A bounce or an own entry may be lifted."""
    scope = world.a1.scope
    with transaction(scope):
        services.suppress(scope, email="ann@company.com", reason="manual", source="page")
        (card,) = queries.suppressions_of(scope, "ann@company.com")
        services.lift(scope, suppression_id=card.id)
    assert suppressed(scope) == frozenset()


@pytest.mark.parametrize(
    "given",
    [
        {"reason": "dislike"},
        {"reach": "world"},
        {"reach": "stream"},
        {"reach": "list"},
        {"reach": "stream", "stream": "other"},
        {"reach": "tenant", "stream": "marketing"},
        {"email": "nobody"},
    ],
)
def test_wrong_input(world, given):
    """A suppression that makes no sense is refused."""
    scope = world.a1.scope
    with transaction(scope), pytest.raises(Invalid):
        services.suppress(scope, **{"email": "ann@company.com", "reason": "manual", "source": "page", **given})


def test_reseller_and_platform_reach(world):
    """What the reseller or the operator suppresses binds the tenants below, and they can't tell whose wish it is."""
    with transaction(world.a.scope):
        services.suppress_for_reseller(world.a.scope, email="ann@company.com", reason="complaint", source="page")
        (card,) = queries.list_reseller_suppressions(world.a.scope).cards
    with transaction(world.operator):
        services.suppress_for_platform(world.operator, email="bob@company.com", reason="trap", source="page")
    for name, expected in (
        ("a1", {"ann@company.com", "bob@company.com"}),
        ("a2", {"ann@company.com", "bob@company.com"}),
        ("b1", {"bob@company.com"}),
    ):
        assert suppressed(getattr(world, name).scope) == expected
    with transaction(world.a1.scope):
        assert queries.list_suppressions(world.a1.scope).cards == ()
    with transaction(world.a.scope):
        services.lift_for_reseller(world.a.scope, suppression_id=card.id)
    with transaction(world.operator):
        services.lift_for_platform(world.operator, email="BOB@company.com")
    assert suppressed(world.a1.scope) == frozenset()


def test_only_the_right_reach_manages(world):
    """A tenant can't manage the reseller's suppressions, nor a reseller the installation's, nor one reseller another's."""
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        services.suppress_for_reseller(world.a1.scope, email="x@y.com", reason="manual", source="page")
    with transaction(world.a.scope), pytest.raises(Forbidden):
        services.suppress_for_platform(world.a.scope, email="x@y.com", reason="manual", source="page")
    with transaction(world.a.scope):
        services.suppress_for_reseller(world.a.scope, email="x@y.com", reason="manual", source="page")
        (card,) = queries.list_reseller_suppressions(world.a.scope).cards
    with transaction(world.b.scope), pytest.raises(Missing):
        services.lift_for_reseller(world.b.scope, suppression_id=card.id)
    with transaction(world.b.scope):
        assert queries.list_reseller_suppressions(world.b.scope).cards == ()


def test_platform_suppressions_cannot_be_listed_from_a_tenant(world):
    """The table itself is closed to the tenants' database role; only an exact question is answered."""
    with pytest.raises(Exception, match="permission denied"), transaction(world.a1.scope) as live:
        live.connection().exec_driver_sql("SELECT * FROM platform_suppression")


def test_erased_addresses_survive_a_key_rotation():
    """A new master key finds what the old one hashed; a tenant's hash says nothing in another tenant."""
    old = secrets.parse_keys(secrets.new_key(1))
    new = replace(old, keys={2: bytes(range(32)), **old.keys}, current=2)
    (name,) = rules.erased_names(old, 1, "ann@company.com")
    assert name in rules.erased_names(new, 1, "ann@company.com")
    assert name not in rules.erased_names(new, 2, "ann@company.com")
    assert "ann" not in name


def test_no_addresses_no_question(world):
    """Nothing asked, nothing found."""
    assert suppressed(world.a1.scope, emails=()) == frozenset()


@pytest.mark.parametrize("other", ["a2", "b1"])
def test_foreign_tenant_finds_and_changes_nothing(world, other):
    """Another tenant sees no suppression, can't lift it, and isn't bound by it."""
    scope = getattr(world, other).scope
    with transaction(world.a1.scope):
        services.suppress(world.a1.scope, email="ann@company.com", reason="manual", source="page")
        (card,) = queries.list_suppressions(world.a1.scope).cards
    with transaction(scope), pytest.raises(Missing):
        services.lift(scope, suppression_id=card.id)
    assert suppressed(scope) == frozenset()
    with transaction(scope):
        assert queries.list_suppressions(scope).cards == ()
        assert queries.suppressions_of(scope, "ann@company.com") == ()
        assert queries.count_by_reason(scope) == {}
    assert suppressed(world.a1.scope) == {"ann@company.com"}


@pytest.mark.parametrize(
    ("held", "act"),
    [
        ("contacts:read", queries.list_suppressions),
        ("contacts:read", queries.count_by_reason),
        ("suppressions:read", lambda scope: services.suppress(scope, email="x@y.com", reason="manual", source="page")),
        ("suppressions:read", lambda scope: services.lift(scope, suppression_id=1)),
    ],
)
def test_each_needs_its_permission(world, held, act):
    """Without the permission nothing is read or changed."""
    scope = world.a1.may_only(held)
    with transaction(scope), pytest.raises(Forbidden):
        act(scope)

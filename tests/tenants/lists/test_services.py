"""Lists and subscriptions: who is written to, and who ended it."""

import pytest

from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.lists import queries, services
from posthouse.tenants.suppressions import queries as suppression_queries
from posthouse.tenants.suppressions import services as suppressions


@pytest.fixture
def news(world):
    """A list of tenant a1."""
    with transaction(world.a1.scope):
        return services.create_list(world.a1.scope, name="News", description="Monthly")


@pytest.fixture
def ann(world):
    """A contact of tenant a1."""
    with transaction(world.a1.scope):
        return contacts.create(world.a1.scope, email="ann@company.com", source="page")


def state_of(scope, contact_id):
    with transaction(scope):
        return {card.list_id: card.state for card in queries.subscriptions_of(scope, contact_id)}


def test_lists(world, news):
    """Lists are made, renamed and deleted; a name is taken once."""
    scope = world.a1.scope
    with transaction(scope):
        other = services.create_list(scope, name="Offers")
        assert [card.name for card in queries.list_lists(scope)] == ["News", "Offers"]
        assert services.edit_list(scope, list_id=other.id, name="Deals").name == "Deals"
    with transaction(scope), pytest.raises(Conflict):
        services.edit_list(scope, list_id=other.id, name="News")
    for name in ("", " ", "x" * 121, "a\nb", "a\0"):
        with transaction(scope), pytest.raises(Invalid):
            services.create_list(scope, name=name)
    with transaction(scope):
        services.delete_list(scope, list_id=other.id)
        with pytest.raises(Missing):
            queries.get_list(scope, other.id)


def test_subscribe_and_unsubscribe(world, news, ann):
    """A subscription begins and ends, each harmless when repeated; the end leaves a suppression of the list."""
    scope = world.a1.scope
    for _ in range(2):
        with transaction(scope):
            assert services.subscribe(scope, contact_id=ann.id, list_id=news.id, source="page") == "subscribed"
    with transaction(scope):
        assert queries.count_states(scope, news.id) == {"subscribed": 1}
        assert queries.count_subscribed(scope) == {news.id: 1}
    for _ in range(2):
        with transaction(scope):
            services.unsubscribe(scope, contact_id=ann.id, list_id=news.id, message_id=5)
    assert state_of(scope, ann.id) == {news.id: "unsubscribed"}
    with transaction(scope):
        assert suppression_queries.is_suppressed(scope, ann.email_norm, stream="marketing", list_id=news.id)
        assert not suppression_queries.is_suppressed(scope, ann.email_norm, stream="marketing", list_id=news.id + 1)
        assert not suppression_queries.is_suppressed(scope, ann.email_norm, stream="transactional")


def test_only_the_person_comes_back(world, news, ann):
    """After an end the tenant can't subscribe the person again; their own act can, and lifts the suppression."""
    scope = world.a1.scope
    with transaction(scope):
        services.subscribe(scope, contact_id=ann.id, list_id=news.id, source="page")
        services.unsubscribe(scope, contact_id=ann.id, list_id=news.id)
    for source in ("page", "api", "import"):
        with transaction(scope), pytest.raises(Conflict):
            services.subscribe(scope, contact_id=ann.id, list_id=news.id, source=source)
    with transaction(scope):
        services.confirm(scope, contact_id=ann.id, list_id=news.id, consent={"address": "192.0.2.1"})
        assert not suppression_queries.is_suppressed(scope, ann.email_norm, stream="marketing", list_id=news.id)
        assert queries.subscriptions_of(scope, ann.id)[0].consent == {"address": "192.0.2.1"}


def test_unconfirmed_until_confirmed(world, news, ann):
    """Somebody who still has to confirm isn't subscribed before."""
    scope = world.a1.scope
    with transaction(scope):
        services.subscribe(scope, contact_id=ann.id, list_id=news.id, source="form", state="unconfirmed")
    assert state_of(scope, ann.id) == {news.id: "unconfirmed"}
    with transaction(scope):
        services.confirm(scope, contact_id=ann.id, list_id=news.id)
    assert state_of(scope, ann.id) == {news.id: "subscribed"}


def test_unsubscribe_from_everything(world, news, ann):
    """Ending all marketing ends every list and leaves transactional mail."""
    scope = world.a1.scope
    with transaction(scope):
        other = services.create_list(scope, name="Offers")
        for list_id in (news.id, other.id):
            services.subscribe(scope, contact_id=ann.id, list_id=list_id, source="page")
        services.unsubscribe(scope, contact_id=ann.id, list_id=None)
    assert set(state_of(scope, ann.id).values()) == {"unsubscribed"}
    with transaction(scope):
        assert suppression_queries.is_suppressed(scope, ann.email_norm, stream="marketing")
        assert not suppression_queries.is_suppressed(scope, ann.email_norm, stream="transactional")


@pytest.mark.parametrize(("reason", "state"), [("hard_bounce", "bounced"), ("complaint", "complained"), ("manual", "subscribed")])
def test_suppressions_show_in_subscriptions(world, news, ann, reason, state):
    """What happened to the address shows in its subscriptions, once the news is told; twice is harmless."""
    scope = world.a1.scope
    with transaction(scope):
        services.subscribe(scope, contact_id=ann.id, list_id=news.id, source="page")
        suppressions.suppress(scope, email=ann.email, reason=reason, source="bounce")
        (card,) = suppression_queries.suppressions_of(scope, ann.email_norm)
    for _ in range(2):
        with transaction(scope):
            services.mark_suppressed(scope, card.id)
    assert state_of(scope, ann.id) == {news.id: state}


def test_suppressions_that_are_told_together_show_what_each_shows_alone(world, news, ann):
    """Of two reasons for one address the first one stands; another tenant's show nothing here."""
    scope = world.a1.scope
    with transaction(scope):
        bob = contacts.create(scope, email="bob@example.net", source="page")
        for one in (ann, bob):
            services.subscribe(scope, contact_id=one.id, list_id=news.id, source="page")
        for email, reason in ((ann.email, "complaint"), (bob.email, "hard_bounce"), (ann.email, "hard_bounce")):
            suppressions.suppress(scope, email=email, reason=reason, source="bounce")
        found = [card.id for one in (ann, bob) for card in suppression_queries.suppressions_of(scope, one.email_norm)]
    with transaction(world.a2.scope):
        services.mark_suppressed(world.a2.scope, *found)
    assert state_of(scope, bob.id) == {news.id: "subscribed"}
    with transaction(scope):
        services.mark_suppressed(scope, *reversed(found), 7)
    assert (state_of(scope, ann.id), state_of(scope, bob.id)) == ({news.id: "complained"}, {news.id: "bounced"})


@pytest.mark.parametrize("other", ["a2", "b1"])
def test_foreign_tenant_finds_and_changes_nothing(world, news, ann, other):
    """For another tenant the list and the contact aren't there, alone or together."""
    scope = getattr(world, other).scope
    with transaction(world.a1.scope):
        services.subscribe(world.a1.scope, contact_id=ann.id, list_id=news.id, source="page")
    with transaction(scope):
        own_list = services.create_list(scope, name="News")
        own = contacts.create(scope, email="own@company.com", source="page")
    acts = [
        lambda: queries.get_list(scope, news.id),
        lambda: services.edit_list(scope, list_id=news.id, name="X"),
        lambda: services.delete_list(scope, list_id=news.id),
        lambda: services.subscribe(scope, contact_id=own.id, list_id=news.id, source="page"),
        lambda: services.subscribe(scope, contact_id=ann.id, list_id=own_list.id, source="page"),
        lambda: services.confirm(scope, contact_id=ann.id, list_id=news.id),
        lambda: services.unsubscribe(scope, contact_id=ann.id, list_id=news.id),
        lambda: services.unsubscribe(scope, contact_id=ann.id, list_id=None),
        lambda: services.unsubscribe(scope, contact_id=own.id, list_id=news.id),
    ]
    for act in acts:
        with transaction(scope), pytest.raises(Missing):
            act()
    with transaction(scope):
        assert queries.subscriptions_of(scope, ann.id) == ()
        assert queries.count_states(scope, news.id) == {}
        assert [card.id for card in queries.list_lists(scope)] == [own_list.id]
    assert state_of(world.a1.scope, ann.id) == {news.id: "subscribed"}


@pytest.mark.parametrize(
    ("held", "act"),
    [
        ("contacts:read", lambda scope, news, ann: queries.get_list(scope, news.id)),
        ("contacts:read", lambda scope, news, ann: queries.list_lists(scope)),
        ("contacts:read", lambda scope, news, ann: queries.count_states(scope, news.id)),
        ("lists:read", lambda scope, news, ann: services.create_list(scope, name="X")),
        ("lists:read", lambda scope, news, ann: services.edit_list(scope, list_id=news.id, name="X")),
        ("lists:read", lambda scope, news, ann: services.delete_list(scope, list_id=news.id)),
        ("lists:write", lambda scope, news, ann: services.subscribe(scope, contact_id=ann.id, list_id=news.id, source="page")),
        ("lists:write", lambda scope, news, ann: services.unsubscribe(scope, contact_id=ann.id, list_id=news.id)),
    ],
)
def test_each_needs_its_permission(world, news, ann, held, act):
    """Without the permission nothing is read or changed."""
    scope = world.a1.may_only(held)
    with transaction(scope), pytest.raises(Forbidden):
        act(scope, news, ann)

"""Contacts are made, changed, deleted and erased, each within its tenant."""

import pytest

from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, LimitReached, Missing
from posthouse.tenants.contacts import exports, fields, queries, services
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.lists import queries as list_queries
from posthouse.tenants.lists import services as lists
from posthouse.tenants.quotas import allowances
from posthouse.tenants.suppressions import queries as suppressions


@pytest.fixture
def ann(world):
    """A contact of tenant a1, which keeps a first name and points."""
    with transaction(world.a1.scope):
        fields.create_field(world.a1.scope, key="first_name", label="First name", kind=FieldKind.TEXT)
        fields.create_field(world.a1.scope, key="points", label="Points", kind=FieldKind.NUMBER)
        return services.create(world.a1.scope, email="Ann@Company.com", values={"first_name": "Ann", "points": 3}, source="page")


def test_create_and_read(world, ann):
    """A contact is found by id, and by its address however it is written."""
    with transaction(world.a1.scope):
        assert queries.get_contact(world.a1.scope, ann.id) == ann
        assert queries.find_contact(world.a1.scope, email=" ANN@company.COM ") == ann
        assert queries.find_contact(world.a1.scope, email="nobody") is None
    assert (ann.email, ann.email_norm, dict(ann.fields)) == ("Ann@company.com", "ann@company.com", {"first_name": "Ann", "points": 3})


def test_same_address_is_a_conflict(world, ann):
    """Making the contact again is refused and changes nothing."""
    with transaction(world.a1.scope), pytest.raises(Conflict, match="already a contact"):
        services.create(world.a1.scope, email="ANN@company.com", values={"first_name": "Eve"}, source="api")
    with transaction(world.a1.scope):
        assert queries.get_contact(world.a1.scope, ann.id) == ann


def test_upsert(world, ann):
    """An upsert changes the given fields, takes away those that are None, keeps the others, and may be repeated."""
    for _ in range(2):
        with transaction(world.a1.scope):
            done = services.upsert(world.a1.scope, email="ann@company.com", values={"first_name": None, "points": "4,5"}, source="api")
            assert (done.created, done.card.id, dict(done.card.fields)) == (False, ann.id, {"points": 4.5})
    with transaction(world.a1.scope):
        assert services.upsert(world.a1.scope, email="bob@company.com", source="api").created


@pytest.mark.parametrize(
    ("email", "values", "code", "field"),
    [
        ("nobody", {}, "address_without_at", "email"),
        ("a@company.test", {}, "address_domain_reserved", "email"),
        ("a@b.com", {"unknown": "x"}, "field_unknown", "unknown"),
        ("a@b.com", {"tenant_id": "1"}, "field_unknown", "tenant_id"),
        ("a@b.com", {"points": "many"}, "number_malformed", "points"),
        ("a@b.com", {"points": float("inf")}, "number_malformed", "points"),
        ("a@b.com", {"first_name": ["x"]}, "value_malformed", "first_name"),
        ("a@b.com", {"first_name": "a\0b"}, "text_control_character", "first_name"),
    ],
)
def test_wrong_input_changes_nothing(world, ann, email, values, code, field):
    """A wrong address or value is refused, naming the field, and no contact is made."""
    for act in (services.create, services.upsert):
        with pytest.raises(Invalid) as refused, transaction(world.a1.scope):
            act(world.a1.scope, email=email, values=values, source="api")
        assert (refused.value.code, refused.value.facts["field"]) == (code, field)
    with transaction(world.a1.scope):
        assert queries.count_contacts(world.a1.scope) == 1


def test_edit(world, ann):
    """The address and fields change; another contact's address is refused."""
    with transaction(world.a1.scope):
        services.create(world.a1.scope, email="bob@company.com", source="page")
        changed = services.edit(world.a1.scope, contact_id=ann.id, email="Ann.Lee@company.com", values={"points": None})
    assert (changed.email_norm, dict(changed.fields)) == ("ann.lee@company.com", {"first_name": "Ann"})
    with transaction(world.a1.scope), pytest.raises(Conflict):
        services.edit(world.a1.scope, contact_id=ann.id, email="BOB@company.com")


def test_delete_keeps_suppressions(world, ann):
    """Who unsubscribed stays so after the contact was deleted."""
    with transaction(world.a1.scope):
        news = lists.create_list(world.a1.scope, name="News")
        lists.subscribe(world.a1.scope, contact_id=ann.id, list_id=news.id, source="page")
        lists.unsubscribe(world.a1.scope, contact_id=ann.id, list_id=news.id)
        services.delete(world.a1.scope, contact_id=ann.id)
    with transaction(world.a1.scope):
        assert list_queries.count_states(world.a1.scope, news.id) == {}
        assert suppressions.is_suppressed(world.a1.scope, "ann@company.com", stream="marketing", list_id=news.id)
        with pytest.raises(Missing):
            services.delete(world.a1.scope, contact_id=ann.id)


def test_erase_keeps_a_hash_only(world, ann):
    """An erased person's address is nowhere, and is still never written to."""
    with transaction(world.a1.scope) as live:
        news = lists.create_list(world.a1.scope, name="News")
        lists.subscribe(world.a1.scope, contact_id=ann.id, list_id=news.id, source="page")
        lists.unsubscribe(world.a1.scope, contact_id=ann.id, list_id=news.id)
        services.erase(world.a1.scope, contact_id=ann.id)
    with transaction(world.a1.scope) as live:
        for table in ("contact", "subscription", "suppression", "tenant_audit"):
            assert live.connection().exec_driver_sql(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE '%%ann@%%'").scalar() == 0
        assert suppressions.is_suppressed(world.a1.scope, "ann@company.com", stream="transactional")
        cards = suppressions.list_suppressions(world.a1.scope).cards
        assert [(card.address, card.reason, card.may_lift) for card in cards] == [(None, "erasure", False)]
    with transaction(world.a1.scope):
        again = services.create(world.a1.scope, email="ann@company.com", source="api")
        services.erase(world.a1.scope, contact_id=again.id)


def test_pages_by_address(world):
    """Pages follow one another without gap or repeat, whole and by prefix."""
    names = [f"{letter}{number}@company.com" for letter in "ab" for number in range(5)]
    with transaction(world.a1.scope):
        for name in reversed(names):
            services.create(world.a1.scope, email=name, source="page")
    with transaction(world.a1.scope):
        seen, after = [], None
        while True:
            page = queries.list_contacts(world.a1.scope, after=after, limit=3)
            seen += [card.email for card in page.cards]
            if (after := page.after) is None:
                break
        assert seen == names
        assert [card.email for card in queries.list_contacts(world.a1.scope, prefix="B").cards] == names[5:]
        assert queries.list_contacts(world.a1.scope, prefix="b4@company.com").after is None


@pytest.mark.parametrize("few", [0, 10_000])
def test_a_list_s_pages_are_the_same_by_either_way(world, monkeypatch, few):
    """A small list is gone through whole, a large one is asked of each contact: the same contacts in the same order, by page."""
    monkeypatch.setattr(queries, "_FEW", few)
    scope = world.a1.scope
    with transaction(scope):
        mine, other = lists.create_list(scope, name="Mine"), lists.create_list(scope, name="Other")
        for number in range(9):
            card = services.create(scope, email=f"p{number}@company.com", source="api")
            for chosen in (mine, other) if number % 3 else (other,):
                lists.subscribe(scope, contact_id=card.id, list_id=chosen.id, source="api")
            if number == 4:
                lists.unsubscribe(scope, contact_id=card.id, list_id=mine.id)

    def pages(**narrow):
        after, found = None, []
        while True:
            with transaction(scope):
                page = queries.list_contacts(scope, list_id=mine.id, after=after, limit=2, **narrow)
            found.append([card.email[1] for card in page.cards])
            if page.after is None:
                return found
            after = page.after

    assert pages() == [["1", "2"], ["4", "5"], ["7", "8"]]
    assert pages(state="subscribed") == [["1", "2"], ["5", "7"], ["8"]]
    assert pages(state="unsubscribed") == [["4"]]
    assert pages(prefix="p7") == [["7"]]


def test_fields(world, ann):
    """A field's key is taken once; deleting it takes its values; the system's names are refused."""
    scope = world.a1.scope
    with transaction(scope):
        tier = fields.create_field(scope, key="tier", label="Tier", kind=FieldKind.CHOICE, choices=["gold", "silver", "gold"])
        assert tier.choices == ("gold", "silver")
        services.upsert(scope, email="ann@company.com", values={"tier": "GOLD"}, source="api")
    for key, problem in (("tier", Conflict), ("tenant_id", Invalid), ("Bad Key", Invalid)):
        with transaction(scope), pytest.raises(problem):
            fields.create_field(scope, key=key, label="", kind=FieldKind.TEXT)
    with transaction(scope):
        assert fields.edit_field(scope, field_id=tier.id, label="Level", choices=["iron"]).choices == ("iron",)
        fields.delete_field(scope, field_id=tier.id)
    with transaction(scope):
        assert [field.key for field in queries.list_fields(scope)] == ["first_name", "points"]
        assert "tier" not in queries.get_contact(scope, ann.id).fields


def test_row_32_export_comes_back_the_same(world, ann):
    """An export is safe to open, and importing it again changes nothing."""
    scope = world.a1.scope
    formula = '=HYPERLINK("http://x")'
    with transaction(scope):
        services.upsert(scope, email="ann@company.com", values={"first_name": formula, "points": "-5"}, source="api")
    with transaction(scope):
        text = "".join(exports.export_csv(scope))
    assert text == '\ufeffemail,first_name,points\r\nAnn@company.com,"\'=HYPERLINK(""http://x"")",\'-5\r\n'


def test_export_is_a_right_of_its_own(world, ann):
    """Reading contacts doesn't allow to take them out; an export is on the record."""
    reader = world.a1.may_only("contacts:read")
    with transaction(reader), pytest.raises(Forbidden):
        exports.export_csv(reader)
    with transaction(world.a1.scope) as live:
        list(exports.export_csv(world.a1.scope))
        assert live.connection().exec_driver_sql("SELECT count(*) FROM tenant_audit WHERE verb = 'contacts.exported'").scalar() == 1


@pytest.mark.parametrize("other", ["a2", "b1"])
def test_foreign_tenant_finds_and_changes_nothing(world, ann, other):
    """For another tenant, of the same reseller or another one, the contact and its field aren't there."""
    scope = getattr(world, other).scope
    with transaction(world.a1.scope):
        field = queries.list_fields(world.a1.scope)[0]
    acts = [
        lambda: queries.get_contact(scope, ann.id),
        lambda: services.edit(scope, contact_id=ann.id, email="x@y.com"),
        lambda: services.delete(scope, contact_id=ann.id),
        lambda: services.erase(scope, contact_id=ann.id),
        lambda: fields.edit_field(scope, field_id=field.id, label="X"),
        lambda: fields.delete_field(scope, field_id=field.id),
    ]
    for act in acts:
        with transaction(scope), pytest.raises(Missing):
            act()
    with transaction(scope):
        assert queries.find_contact(scope, email="ann@company.com") is None
        assert queries.list_contacts(scope).cards == ()
        assert queries.list_fields(scope) == ()
        assert queries.count_contacts(scope) == 0
        assert "".join(exports.export_csv(scope)) == "\ufeffemail\r\n"
        assert services.upsert(scope, email="ann@company.com", source="api").created
    with transaction(world.a1.scope):
        assert queries.get_contact(world.a1.scope, ann.id) == ann


@pytest.mark.parametrize(
    ("held", "act"),
    [
        ("lists:read", lambda scope, ann: queries.get_contact(scope, ann.id)),
        ("lists:read", lambda scope, ann: queries.find_contact(scope, email=ann.email)),
        ("lists:read", lambda scope, ann: queries.list_contacts(scope)),
        ("lists:read", lambda scope, ann: queries.list_fields(scope)),
        ("lists:read", lambda scope, ann: queries.count_contacts(scope)),
        ("contacts:read", lambda scope, ann: services.create(scope, email="x@y.com", source="api")),
        ("contacts:read", lambda scope, ann: services.upsert(scope, email="x@y.com", source="api")),
        ("contacts:read", lambda scope, ann: services.edit(scope, contact_id=ann.id)),
        ("contacts:write", lambda scope, ann: services.delete(scope, contact_id=ann.id)),
        ("contacts:write", lambda scope, ann: services.erase(scope, contact_id=ann.id)),
        ("contacts:write", lambda scope, ann: fields.create_field(scope, key="x", label="", kind=FieldKind.TEXT)),
    ],
)
def test_each_needs_its_permission(world, ann, held, act):
    """Without the permission nothing is read or changed."""
    scope = world.a1.may_only(held)
    with transaction(scope), pytest.raises(Forbidden):
        act(scope, ann)


def test_a_new_contact_above_the_allowance_is_refused_and_a_known_one_may_be_changed(world):
    scope = world.a1.scope
    with transaction(scope):
        services.create(scope, email="one@example.com", source="test")
        allowances.set_contacts(scope, 1)
    for make in (services.create, services.upsert):
        with pytest.raises(LimitReached) as refused, transaction(scope):
            make(scope, email="two@example.com", source="test")
        assert refused.value.code == "contacts_allowance"
        assert "Your plan allows 1 contacts" in refused.value.sentence
    with transaction(scope):
        assert not services.upsert(scope, email="one@example.com", source="test").created
        assert allowances.contacts(scope).full
    with transaction(world.a2.scope):
        services.create(world.a2.scope, email="two@example.com", source="test")

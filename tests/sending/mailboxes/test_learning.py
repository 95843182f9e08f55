"""Mailbox providers are data: the operator changes them, and domains belong to them by name or by the servers that take their mail."""

import pytest
import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.platform.errors import Forbidden, Invalid
from posthouse.platform.scope import system
from posthouse.sending.domains.rules import Answer
from posthouse.sending.mailboxes import jobs, queries, services
from posthouse.sending.mailboxes.rules import Group, built_in, group_of


class Names:
    """A resolver that knows a few MX records, and counts what it is asked."""

    def __init__(self, **records):
        self.records = {name.replace("_", "."): values for name, values in records.items()}
        self.asked = []

    def ask(self, name, type_):
        self.asked.append((name, type_))
        values = self.records.get(name)
        return Answer(failed=True) if values is None else Answer(tuple(values))


@pytest.fixture(autouse=True)
def fresh(app):
    queries.forget()
    yield
    queries.forget()


def _groups(place, *domains):
    with transaction(place.scope):
        return queries.groups_of(place.scope, domains)


def test_a_companys_domain_belongs_to_the_provider_that_takes_its_mail(world):
    """Unknown at first and asked about by the job; known from then on, in every process."""
    domains = ("acme.example", "gmail.com", "dead.example", "own.example", "yahoo.example.com")
    before = _groups(world.a1, *domains)
    assert before == dict.fromkeys(domains, "other") | {"gmail.com": "google"}
    names = Names(
        acme_example=["10 acme-example.mail.protection.outlook.com.", "20 backup.example."],
        own_example=["0 ."],
        yahoo_example_com=["5 mx.notgoogle.com.evil.example."],
    )
    jobs.learn_with(system("test"), names)
    assert sorted(names.asked) == sorted((domain, "MX") for domain in domains if domain != "gmail.com")
    queries.forget()
    assert _groups(world.b1, *domains) == before | {"acme.example": "microsoft"}
    jobs.learn_with(system("test"), names)
    assert len(names.asked) == 4


def test_the_operator_changes_and_adds_providers(world):
    """A change stands in the place of what came along, until it is taken back."""
    operator = world.operator
    google = built_in()["google"]
    with transaction(operator):
        services.set_group(operator, Group("google", "Google", (*google.domains, "acme.test"), google.mx))
        services.set_group(operator, Group("posteo", " Posteo ", ("Posteo.de.", "posteo.*", ""), ("posteo.de",)))
    assert _groups(world.a1, "acme.test", "posteo.de", "posteo.net", "gmail.com") == {
        "acme.test": "google",
        "posteo.de": "posteo",
        "posteo.net": "posteo",
        "gmail.com": "google",
    }
    with transaction(operator):
        cards = {card.group.key: card for card in queries.list_groups(operator)}
        assert (cards["google"].changed, cards["google"].own, cards["posteo"].own) == (True, False, True)
        services.reset_group(operator, key="google")
        services.reset_group(operator, key="posteo")
    assert set(_groups(world.a1, "acme.test", "posteo.de").values()) == {"other"}


@pytest.mark.parametrize(
    ("group", "field"),
    [
        (Group("x", "X", ("a.de",)), "key"),
        (Group("other", "X", ("a.de",)), "key"),
        (Group("mine", " ", ("a.de",)), "name"),
        (Group("mine", "Mine", ("no domain",)), "domains"),
        (Group("mine", "Mine", ("gmail.com",)), "domains"),
        (Group("mine", "Mine", (), ("google.*",)), "mx"),
        (Group("mine", "Mine", (), ("google.com",)), "mx"),
        (Group("mine", "Mine", ()), "domains"),
        (Group("mine", "Mine", tuple(f"d{n}.de" for n in range(501))), "domains"),
    ],
)
def test_what_is_no_group_is_refused(world, group, field):
    """The refusal names the field, and nothing is stored."""
    with transaction(world.operator), pytest.raises(Invalid) as refused:
        services.set_group(world.operator, group)
    assert refused.value.facts["field"] == field
    with transaction(world.operator):
        assert session(world.operator).execute(sa.text("SELECT count(*) FROM mailbox_group")).scalar_one() == 0


def test_nobody_else_changes_them(world):
    """They are the operator's."""
    with transaction(world.a1.scope), pytest.raises(Forbidden):
        services.set_group(world.a1.scope, Group("mine", "Mine", ("a.de",)))


def test_what_came_along_is_well_formed():
    """Each name stands once, and names of servers are endings."""
    domains = [one for group in built_in().values() for one in group.domains]
    assert len(domains) == len(set(domains))
    assert all(group.mx for group in built_in().values())
    assert group_of("GMX.de.") == "united"

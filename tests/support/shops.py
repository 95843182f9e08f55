"""What tests of sending start from: a tenant with fields, a list of contacts, and a verified domain."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns.queries import CampaignCard
from posthouse.sending.campaigns.services import Draft, create_campaign
from posthouse.sending.domains import jobs, services
from posthouse.sending.domains.queries import DomainCard
from posthouse.sending.domains.rules import Answer
from posthouse.tenants.contacts import fields
from posthouse.tenants.contacts import services as contacts
from posthouse.tenants.contacts.rules import FieldKind
from posthouse.tenants.lists import services as lists

LETTER = """<html><body><p>Hi {{ contact.first_name | default: "friend" }}</p><p><a href="https://shop.example.org/tea">Tea</a> <a href="https://shop.example.org/cups">Cups</a></p>
<p>{{ postal_address }} <a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>"""


@dataclass(frozen=True)
class Shop:
    """A tenant that can send: its list, its contacts in their order, its domain."""

    scope: Scope
    list_id: int
    contact_ids: tuple[int, ...]
    domain: DomainCard

    def draft(self, **changes: object) -> Draft:
        values: dict[str, object] = {
            "name": "News", "list_id": self.list_id, "domain_id": self.domain.id, "from_name": "Tea", "from_local": "news", "subject": "Tea for {{ first_name | default: 'you' }}", "html": LETTER,
        }  # fmt: skip
        return Draft(**(values | changes))  # type: ignore[arg-type]

    def campaign(self, **changes: object) -> CampaignCard:
        with transaction(self.scope):
            return create_campaign(self.scope, self.draft(**changes))


class AllThere:
    """A name server that has published everything that a domain needs."""

    def __init__(self, card: DomainCard) -> None:
        self.values = {each.record.name: Answer((each.record.value,)) for each in card.records}

    def ask(self, name: str, type_: str) -> Answer:
        return self.values.get(name, Answer())


def make_domain(scope: Scope, domain: str) -> DomainCard:
    with transaction(scope):
        card = services.add_domain(scope, domain=domain)
    jobs.check_with(scope, AllThere(card), domain_id=card.id)
    return card


def make_shop(scope: Scope, *, name: str, people: int = 3) -> Shop:
    domain = make_domain(scope, f"{name}.example.com")
    with transaction(scope):
        fields.create_field(scope, key="first_name", label="First name", kind=FieldKind.TEXT)
        made = lists.create_list(scope, name="Everybody")
        ids = []
        for number in range(people):
            upserted = contacts.upsert(
                scope, email=f"person{number}@{name}.example.net", values={"first_name": f"Jo{number}"}, source="test"
            )
            lists.subscribe(scope, contact_id=upserted.card.id, list_id=made.id, source="import")
            ids.append(upserted.card.id)
    return Shop(scope, made.id, tuple(ids), domain)

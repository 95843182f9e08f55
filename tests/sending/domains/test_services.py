"""Sending domains in the database: verified by evidence alone, one holder at a time, keys sealed, foreign tenants blind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from world import Place, World

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.errors import Conflict, Forbidden, Invalid, Missing
from posthouse.platform.secrets import DoesNotOpen
from posthouse.sending.campaigns.composers import signer_of
from posthouse.sending.dkim.keys import public_part
from posthouse.sending.domains import jobs, queries, services
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.domains.queries import DomainCard
from posthouse.sending.domains.rules import Answer, Finding, Kind, State

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Zone:
    """A resolver that answers from a dictionary; None is a name server that fails."""

    def __init__(self, *cards: DomainCard) -> None:
        self.values: dict[str, Answer] = {}
        for card in cards:
            for each in card.records:
                self.values[each.record.name] = Answer((each.record.value,))
        self.failing = False

    def ask(self, name: str, type_: str) -> Answer:
        return Answer(failed=True) if self.failing else self.values.get(name, Answer())


def add(place: Place, domain: str = "tea.example") -> DomainCard:
    with transaction(place.scope):
        return services.add_domain(place.scope, domain=domain)


def check(place: Place, card: DomainCard, zone: Zone) -> DomainCard:
    jobs.check_with(place.scope, zone, domain_id=card.id)
    with transaction(place.scope):
        return queries.get_domain(place.scope, card.id)


def test_a_domain_is_pending_with_its_records_until_dns_shows_them(world: World) -> None:
    """Adding gives records to publish; without evidence nothing is verified; with it everything is said to be found."""
    card = add(world.a1)
    assert card.state is State.PENDING
    assert {each.record.kind for each in card.records} >= {Kind.OWNERSHIP, Kind.DKIM, Kind.RETURN_PATH, Kind.DMARC}
    empty = check(world.a1, card, Zone())
    assert empty.state is State.PENDING
    assert {each.finding for each in empty.records} == {Finding.ABSENT}
    found = check(world.a1, card, Zone(card))
    assert found.verified
    assert {each.finding for each in found.records} == {Finding.FOUND}
    with transaction(world.a1.scope) as live:
        assert queries.find_verified(world.a1.scope, "TEA.example") is not None
        assert queries.find_verified(world.a1.scope, "sub.tea.example") is None
        row = live.get(SendingDomain, (world.a1.id, card.id))
        assert row is not None
        assert row.return_path_ok


def test_the_check_run_twice_changes_nothing_more(world: World) -> None:
    """A repeated look keeps state and first time of verification, and tells it once."""
    card = add(world.a1)
    with clock.frozen(AT) as at:
        first = check(world.a1, card, Zone(card))
        at.move(hours=1)
        again = check(world.a1, card, Zone(card))
    assert (first.state, first.verified_at) == (again.state, again.verified_at)
    with transaction(world.a1.scope) as live:
        assert live.execute(sa.text("SELECT count(*) FROM tenant_audit WHERE verb = 'domain.verified'")).scalar_one() == 1


def test_d3_96_a_second_tenant_is_refused_while_the_first_holds_it(world: World) -> None:
    """Its own record in DNS does not help the second; nor does a parent's claim give a subdomain, nor the other way."""
    first, second = add(world.a1), add(world.b2)
    assert first.records[0].record.value != second.records[0].record.value
    assert check(world.a1, first, Zone(first)).verified
    assert check(world.b2, second, Zone(second)).state is State.REFUSED
    child = add(world.b2, "shop.tea.example")
    assert check(world.b2, child, Zone(child)).verified
    with transaction(world.b2.scope):
        assert queries.find_verified(world.b2.scope, "tea.example") is None
        assert queries.find_verified(world.b2.scope, "shop.tea.example") is not None


def test_d12_97_a_released_name_rests_for_30_days(world: World) -> None:
    """Another tenant gets it after the rest, with its own value; the one who gave it up gets it back at once."""
    with clock.frozen(AT) as at:
        first, second = add(world.a1), add(world.a2)
        assert check(world.a1, first, Zone(first)).verified
        with transaction(world.a1.scope):
            services.remove_domain(world.a1.scope, domain_id=first.id)
        assert check(world.a2, second, Zone(second)).state is State.REFUSED
        again = add(world.a1)
        assert again.records[0].record.value != first.records[0].record.value
        assert check(world.a1, again, Zone(first)).state is State.PENDING  # the old token and key prove nothing
        assert check(world.a1, again, Zone(again)).verified
        with transaction(world.a1.scope):
            services.remove_domain(world.a1.scope, domain_id=again.id)
        at.move(days=30, seconds=1)
        assert check(world.a2, second, Zone(second)).verified


def test_d12_a_domain_is_lost_after_72_hours_of_absence(world: World) -> None:
    """Failing servers keep it for ever; absence for 72 hours loses it, and its claim begins to rest."""
    with clock.frozen(AT) as at:
        card, zone = add(world.a1), Zone()
        zone.values = Zone(card).values
        assert check(world.a1, card, zone).verified
        zone.failing = True
        at.move(days=10)
        assert check(world.a1, card, zone).verified
        zone.failing, zone.values = False, {}
        assert check(world.a1, card, zone).verified
        at.move(hours=71)
        assert check(world.a1, card, zone).verified
        at.move(hours=1)
        assert check(world.a1, card, zone).state is State.PENDING


def test_the_key_is_sealed_for_its_row(world: World) -> None:
    """The stored key opens in its own place alone, and belongs to the record that is shown."""
    card, other = add(world.a1), add(world.b1, "other.example")
    with transaction(world.a1.scope) as live:
        row = live.get(SendingDomain, (world.a1.id, card.id))
        assert row is not None
        signer_of(world.a1.scope, row)
        sealed = row.dkim_sealed
        assert public_part(row.dkim_record)
    with transaction(world.b1.scope) as live:
        foreign = live.get(SendingDomain, (world.b1.id, other.id))
        assert foreign is not None
        foreign.dkim_sealed = sealed
        with pytest.raises(DoesNotOpen):
            signer_of(world.b1.scope, foreign)
        live.expunge(foreign)


def test_the_same_domain_twice_and_a_bad_name(world: World) -> None:
    """A second time is a conflict, a name that can't be one is invalid; nothing is kept of either."""
    add(world.a1)
    with pytest.raises(Conflict), transaction(world.a1.scope):
        services.add_domain(world.a1.scope, domain="TEA.example.")
    with pytest.raises(Invalid), transaction(world.a1.scope):
        services.add_domain(world.a1.scope, domain="co.uk")
    with transaction(world.a1.scope):
        assert len(queries.list_domains(world.a1.scope)) == 1


def test_a_foreign_tenant_finds_nothing_and_changes_nothing(world: World) -> None:
    """Every service from another tenant gives the same answer as for what is not there."""
    card = add(world.a1)
    for place in (world.a2, world.b1):
        with transaction(place.scope):
            assert queries.list_domains(place.scope) == ()
            for act in (queries.get_domain,):
                with pytest.raises(Missing):
                    act(place.scope, card.id)
            for service in (services.remove_domain, services.ask_for_check):
                with pytest.raises(Missing):
                    service(place.scope, domain_id=card.id)
            assert services.record_evidence(place.scope, domain_id=card.id, evidence={}) is None
    with transaction(world.a1.scope):
        assert queries.get_domain(world.a1.scope, card.id) == card


def test_permissions_are_asked_for(world: World) -> None:
    """Who may only see can't add, check or remove."""
    scope = world.a1.may_only("domains:read")
    with transaction(scope), pytest.raises(Forbidden):
        services.add_domain(scope, domain="tea.example")
    nothing = world.a1.may_only()
    with transaction(nothing), pytest.raises(Forbidden):
        queries.list_domains(nothing)

"""Sort one mail: whose is it, keep it, let it have its effect; one transaction per mail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa

from posthouse.inbound.mailroom.rules import Address, Effect, Why, choose_claims
from posthouse.inbound.mailroom.services import Arrival, keep, keep_unmatched, note_effect
from posthouse.inbound.parsing.cards import Understood
from posthouse.inbound.parsing.reading import read
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.reports.rules import domains_of, summarise
from posthouse.inbound.reports.services import keep_report
from posthouse.inbound.sorters import bounce, complaint, reply, unsubscribe
from posthouse.inbound.sorters.matter import Matter
from posthouse.inbound.spool.files import Envelope
from posthouse.platform.db import transaction
from posthouse.platform.scope import Actor, Scope, for_tenant, public, system
from posthouse.sending.tokens import Mint, read_address
from posthouse.tenants.accounts.queries import place_of

SORTERS: Sequence[Callable[[Scope, Matter], Effect | None]] = (bounce.sort, complaint.sort, unsubscribe.sort, reply.sort)
"""Asked in this order; the first that knows what to do does it. Automatic answers and receipts have no effect."""

_ACTOR = Actor("system", None, "inbound mail")


class Outcome(StrEnum):
    """What became of a mail."""

    SORTED = "sorted"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"


@dataclass(slots=True)
class Mailroom:
    """What sorting needs of the installation. Resellers of tenants are remembered: a tenant never changes its reseller."""

    mint: Mint
    _resellers: dict[int, int] = field(default_factory=dict)

    def sort(self, envelope: Envelope, content: bytes) -> Outcome:
        """Sort one mail; repeating it changes nothing. Raises what the database raises, and then nothing was changed."""
        return self.take(Arrival(envelope, content, read(content, envelope.recipients)), self._addressed(envelope))

    def take(self, arrival: Arrival, addressed: Sequence[Address] = ()) -> Outcome:
        """Give what was understood to its tenant and let it have its effect; repeating it changes nothing."""
        understood = arrival.understood
        if understood.report is not None:
            return self._report(arrival, understood.report)
        claims = choose_claims(addressed, understood.ids.tokens, self.mint.read)
        if isinstance(claims, Why):
            return self._unmatched(arrival, claims)
        scope = self._scope(claims.tenant_id, understood)
        if scope is None:
            return self._unmatched(arrival, Why.UNKNOWN_TENANT)
        role = addressed[0].role if addressed else ""
        with transaction(scope):
            mail_id = keep(scope, arrival, message_id=claims.message_id)
            if mail_id is None:
                return Outcome.REPEATED
            effect = _effect(scope, Matter(claims.message_id, understood, role, mail_id, nobody=_has_no_sender(arrival.envelope)))
            note_effect(scope, mail_id=mail_id, message_id=claims.message_id, kind=understood.kind, effect=effect)
        return Outcome.SORTED

    def give_up(self, envelope: Envelope, content: bytes) -> None:
        """Keep a mail that could not be sorted, for a person."""
        self._unmatched(Arrival(envelope, content, read(content, envelope.recipients)), Why.FAILED)

    def _addressed(self, envelope: Envelope) -> list[Address]:
        found = (read_address(self.mint, recipient.rpartition("@")[0]) for recipient in envelope.recipients)
        return [Address(one.kind, one.claims) for one in found if one is not None]

    def _report(self, arrival: Arrival, report: DmarcReport | TlsReport) -> Outcome:
        # A report bears no token; it belongs to who holds the domain, and changes nothing but what is shown to them.
        held = self._holder(domains_of(report))
        scope = self._scope(held[1], arrival.understood) if held else None
        if held is None or scope is None:
            return self._unmatched(arrival, Why.NO_DOMAIN)
        at = arrival.envelope.at
        with transaction(scope):
            mail_id = keep(scope, arrival, message_id=None)
            if mail_id is None:
                return Outcome.REPEATED
            new = keep_report(scope, domain=held[0], summary=summarise(report, held[0], at), received_at=at)
            effect = Effect.REPORTED if new else Effect.REPEATED
            note_effect(scope, mail_id=mail_id, message_id=None, kind=arrival.understood.kind, effect=effect)
        return Outcome.SORTED

    def _holder(self, domains: Sequence[str]) -> tuple[str, int] | None:
        asking = public("whose domain")
        with transaction(asking) as live:
            for domain in domains:
                tenant_id = live.execute(sa.text("SELECT domain_holder(:domain)"), {"domain": domain}).scalar_one_or_none()
                if tenant_id is not None:
                    return domain, tenant_id
        return None

    def _scope(self, tenant_id: int, understood: Understood) -> Scope | None:
        reseller = self._resellers.get(tenant_id)
        if reseller is None:
            asking = public("whose mail")
            with transaction(asking):
                place = place_of(asking, tenant_id)
            if place is None:
                return None
            reseller = self._resellers[tenant_id] = place.reseller_id
        return for_tenant(reseller_id=reseller, tenant_id=tenant_id, actor=_ACTOR, reason=f"inbound {understood.kind}")

    def _unmatched(self, arrival: Arrival, why: Why) -> Outcome:
        scope = system("unmatched mail")
        with transaction(scope):
            keep_unmatched(scope, arrival, why=why)
        return Outcome.UNMATCHED


def _has_no_sender(envelope: Envelope) -> bool:
    return not envelope.sender and "smtp" in envelope.way


def _effect(scope: Scope, matter: Matter) -> Effect:
    return next((effect for sorter in SORTERS if (effect := sorter(scope, matter)) is not None), Effect.NONE)

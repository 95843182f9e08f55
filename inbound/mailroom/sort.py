"""Sort mail: whose is it, keep it, let it have its effect; alone, or with others of the same tenant in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import sqlalchemy as sa

from posthouse.inbound.authentication.services import Examiner
from posthouse.inbound.authentication.sources import Sources
from posthouse.inbound.learning.reading import read
from posthouse.inbound.learning.rules import is_strange
from posthouse.inbound.mailroom.rules import NOTHING_NEW, Address, Effect, Why, choose_claims, is_failure_report
from posthouse.inbound.mailroom.services import Arrival, keep, keep_all, keep_anew, keep_strange, keep_unmatched, note_effect
from posthouse.inbound.parsing.cards import Kind, Understood
from posthouse.inbound.parsing.report_cards import DmarcReport, TlsReport
from posthouse.inbound.reports.rules import domains_of, summarise
from posthouse.inbound.reports.services import keep_report
from posthouse.inbound.sorters import bounce, complaint, reply, unsubscribe
from posthouse.inbound.sorters.matter import Matter
from posthouse.inbound.spool.files import Envelope
from posthouse.inbound.tally.services import TALLY
from posthouse.platform import logs
from posthouse.platform.db import transaction
from posthouse.platform.scope import Actor, Scope, for_tenant, public, system
from posthouse.platform.together import gathering
from posthouse.sending.messages.queries import get_messages
from posthouse.sending.messages.services import lock
from posthouse.sending.tokens import Mint, read_address
from posthouse.tenants.accounts.queries import place_of

SORTERS: Sequence[Callable[[Scope, Matter], Effect | None]] = (bounce.sort, complaint.sort, unsubscribe.sort, reply.sort)
"""Asked in this order; the first that knows what to do does it. Automatic answers and receipts have no effect."""

_LIMIT_PASSED = "54"  # SQLSTATE class: program limit exceeded
_EXAMINED = ("smtp", "esmtp", "lmtp", "imap", "pop3")
_ACTOR = Actor("system", None, "inbound mail")


class Outcome(StrEnum):
    """What became of a mail."""

    SORTED = "sorted"
    REPEATED = "repeated"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail and the message that its token names; `role` is the kind of our address that it came to, empty when it came to none.

    `listed`: it is a complaint of a listed source, and that is proven.
    """

    arrival: Arrival
    message_id: int
    role: str
    listed: bool = False


@dataclass(slots=True)
class Mailroom:
    """What sorting needs of the installation. Without an `examiner` nothing is asked of DNS. `sources` say whose complaints may stop a tenant. Resellers of tenants are remembered: a tenant never changes its reseller."""

    mint: Mint
    examiner: Examiner | None = None
    sources: Sources = field(default_factory=Sources)
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
            return self._failure_report(arrival) or self._unmatched([arrival], claims)
        scope = self._scope(claims.tenant_id)
        if scope is None:
            return self._unmatched([arrival], Why.UNKNOWN_TENANT)
        return self._sort_group(scope, [Claimed(arrival, claims.message_id, addressed[0].role if addressed else "")])[0]

    def sort_together(self, mails: Sequence[tuple[Envelope, bytes]]) -> list[Outcome | None]:
        """Sort several mails, those of one tenant in one transaction; may be repeated.

        None stands for a mail that is to be sorted alone: one among those that it was with can't be sorted, or it is a report. Nothing
        of it was changed. Raises: OperationalError when the database is away.
        """
        outcomes: list[Outcome | None] = [None] * len(mails)
        for scope, group in self._grouped(mails).items():
            try:
                found = self._sort_group(scope, [one for _, one in group])
            except Exception as problem:  # which of them it was shows when each is sorted alone
                if is_away(problem):
                    raise
                logs.get().warning("inbound.sorted_apart", mails=len(group), problem=str(problem)[:200])
                continue
            for (index, _), outcome in zip(group, found, strict=True):
                outcomes[index] = outcome
        return outcomes

    def _sort_group(self, scope: Scope | Why, group: Sequence[Claimed]) -> list[Outcome]:
        if isinstance(scope, Why):
            return [self._unmatched([one.arrival for one in group], scope)] * len(group)
        return _sort(scope, [self._proven(replace(one, arrival=self._examined(one.arrival))) for one in group])

    def _proven(self, claimed: Claimed) -> Claimed:
        arrival = claimed.arrival
        listed = arrival.understood.kind is Kind.COMPLAINT and self.sources.lists(
            arrival.envelope, arrival.understood.sender, arrival.checks
        )
        return replace(claimed, listed=listed)

    def _grouped(self, mails: Sequence[tuple[Envelope, bytes]]) -> dict[Scope | Why, list[tuple[int, Claimed]]]:
        groups: dict[int | Why, list[tuple[int, Claimed]]] = {}
        for index, (envelope, content) in enumerate(mails):
            try:
                understood = read(content, envelope.recipients)
            except Exception as problem:  # it fails alone again, and is counted there
                logs.get().warning("inbound.not_understood", problem=str(problem)[:200])
                continue
            if understood.report is not None or is_failure_report(understood):
                continue
            addressed = self._addressed(envelope)
            claims = choose_claims(addressed, understood.ids.tokens, self.mint.read)
            arrival = Arrival(envelope, content, understood)
            if isinstance(claims, Why):
                groups.setdefault(claims, []).append((index, Claimed(arrival, 0, "")))
            else:
                role = addressed[0].role if addressed else ""
                groups.setdefault(claims.tenant_id, []).append((index, Claimed(arrival, claims.message_id, role)))
        return self._with_scopes(groups)

    def _with_scopes(self, groups: dict[int | Why, list[tuple[int, Claimed]]]) -> dict[Scope | Why, list[tuple[int, Claimed]]]:
        found: dict[Scope | Why, list[tuple[int, Claimed]]] = {}
        for whose, group in groups.items():
            scope = whose if isinstance(whose, Why) else self._scope(whose) or Why.UNKNOWN_TENANT
            found.setdefault(scope, []).extend(group)
        return found

    def sort_again(self, envelope: Envelope, content: bytes, key: bytes) -> bool:
        """Sort a kept mail anew, known by its fingerprint; True when it has an owner and is understood by now. Its effect comes once."""
        arrival = Arrival(envelope, content, read(content, envelope.recipients), key)
        understood, addressed = arrival.understood, self._addressed(envelope)
        claims = choose_claims(addressed, understood.ids.tokens, self.mint.read)
        scope = None if isinstance(claims, Why) or understood.report is not None else self._scope(claims.tenant_id)
        if isinstance(claims, Why) or scope is None:
            return False
        role = addressed[0].role if addressed else ""
        with transaction(scope):
            mail_id = keep(scope, arrival, message_id=claims.message_id) or keep_anew(scope, arrival)
            if mail_id is not None:
                effect = _effect(scope, Matter(claims.message_id, understood, role, mail_id, nobody=_has_no_sender(envelope)))
                note_effect(scope, mail_id=mail_id, message_id=claims.message_id, kind=understood.kind, effect=effect)
        return not is_strange(understood)

    def give_up(self, envelope: Envelope, content: bytes) -> None:
        """Keep a mail that could not be sorted, for a person; what it says is not looked at again, since that may be what failed."""
        self._unmatched([Arrival(envelope, content, Understood(Kind.UNKNOWN, "not-sorted"))], Why.FAILED)

    def _addressed(self, envelope: Envelope) -> list[Address]:
        found = (read_address(self.mint, recipient.rpartition("@")[0]) for recipient in envelope.recipients)
        return [Address(one.kind, one.claims) for one in found if one is not None]

    def _report(self, arrival: Arrival, report: DmarcReport | TlsReport) -> Outcome:
        # A report bears no token; it belongs to who holds the domain, and changes nothing but what is shown to them.
        held = self._holder(domains_of(report))
        scope = self._scope(held[1]) if held else None
        if held is None or scope is None:
            return self._unmatched([arrival], Why.NO_DOMAIN)
        at = arrival.envelope.at
        arrival = self._examined(arrival)
        with transaction(scope):
            mail_id = keep(scope, arrival, message_id=None)
            if mail_id is None:
                return Outcome.REPEATED
            new = keep_report(scope, domain=held[0], summary=summarise(report, held[0], at), received_at=at)
            effect = Effect.REPORTED if new else Effect.REPEATED
            note_effect(scope, mail_id=mail_id, message_id=None, kind=arrival.understood.kind, effect=effect)
        return Outcome.SORTED

    def _failure_report(self, arrival: Arrival) -> Outcome | None:
        # RFC 6591: about a mail in a domain's name that may be no mail of ours; its holder is shown it, and nothing changes.
        feedback = arrival.understood.feedback
        if feedback is None or not is_failure_report(arrival.understood):
            return None
        held = self._holder(feedback.domains)
        scope = self._scope(held[1]) if held else None
        if scope is None:
            return None
        arrival = self._examined(arrival)
        with transaction(scope):
            mail_id = keep(scope, arrival, message_id=None)
            if mail_id is None:
                return Outcome.REPEATED
            note_effect(scope, mail_id=mail_id, message_id=None, kind=arrival.understood.kind, effect=Effect.REPORTED)
        return Outcome.SORTED

    def _examined(self, arrival: Arrival) -> Arrival:
        # Only what a tenant will see is worth asking the world about; what belongs to nobody asks nothing.
        if self.examiner is None or not arrival.envelope.way.startswith(_EXAMINED):
            return arrival
        return replace(arrival, checks=tuple(self.examiner.examine(arrival.envelope, arrival.content)))

    def _holder(self, domains: Sequence[str]) -> tuple[str, int] | None:
        asking = public("whose domain")
        with transaction(asking) as live:
            for domain in domains:
                tenant_id = live.execute(sa.text("SELECT domain_holder(:domain)"), {"domain": domain}).scalar_one_or_none()
                if tenant_id is not None:
                    return domain, tenant_id
        return None

    def _scope(self, tenant_id: int) -> Scope | None:
        reseller = self._resellers.get(tenant_id)
        if reseller is None:
            asking = public("whose mail")
            with transaction(asking):
                place = place_of(asking, tenant_id)
            if place is None:
                return None
            reseller = self._resellers[tenant_id] = place.reseller_id
        return for_tenant(reseller_id=reseller, tenant_id=tenant_id, actor=_ACTOR, reason="inbound mail")

    def _unmatched(self, arrivals: Sequence[Arrival], why: Why) -> Outcome:
        scope = system("unmatched mail")
        with transaction(scope):
            keep_unmatched(scope, arrivals, why=why)
        if why in (Why.FORGED, Why.UNKNOWN_TENANT):
            TALLY.count(why, len(arrivals))
        return Outcome.UNMATCHED


def _has_no_sender(envelope: Envelope) -> bool:
    return not envelope.sender and "mtp" in envelope.way


def _sort(scope: Scope, mails: Sequence[Claimed]) -> list[Outcome]:
    """Sort mails of one tenant in one transaction: all are kept first, then each has its effect, in their order."""
    changed_nothing: list[Effect] = []
    with transaction(scope), gathering(scope):
        kept = keep_all(scope, [(one.arrival, one.message_id) for one in mails])
        fresh = [one.message_id for one, mail_id in zip(mails, kept, strict=True) if mail_id is not None]
        lock(scope, fresh)
        cards = {card.id: card for card in get_messages(scope, fresh)}
        for one, mail_id in zip(mails, kept, strict=True):
            if mail_id is None:
                continue
            understood = one.arrival.understood
            nobody = _has_no_sender(one.arrival.envelope)
            effect = _effect(scope, Matter(one.message_id, understood, one.role, mail_id, nobody=nobody, listed=one.listed, cards=cards))
            note_effect(scope, mail_id=mail_id, message_id=one.message_id, kind=understood.kind, effect=effect)
            if effect in (Effect.NONE, Effect.BOUNCED) and one.arrival.key is None and is_strange(understood):
                keep_strange(scope, one.arrival, message_id=one.message_id)
            if effect in NOTHING_NEW:
                changed_nothing.append(effect)
    for effect in changed_nothing:
        TALLY.count(effect)
    TALLY.count(Effect.REPEATED, kept.count(None))
    return [Outcome.REPEATED if mail_id is None else Outcome.SORTED for mail_id in kept]


def _effect(scope: Scope, matter: Matter) -> Effect:
    return next((effect for sorter in SORTERS if (effect := sorter(scope, matter)) is not None), Effect.NONE)


def is_away(problem: Exception) -> bool:
    """Is it the database that can't work now, and not this mail? A mail past a fixed limit of the server's will never be taken."""
    if not isinstance(problem, sa.exc.OperationalError | sa.exc.InterfaceError):
        return False
    return not str(getattr(problem.orig, "sqlstate", None) or "").startswith(_LIMIT_PASSED)

"""Write, start, pause, go on with and stop campaigns: the only place that does. Every step locks the campaign's row."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform import audit, clock
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.errors import Conflict, Invalid, missing
from posthouse.platform.events import emit
from posthouse.platform.jobs import enqueue
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import expansion, revisions, rules, trial
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.campaigns.queries import CampaignCard, campaign_card
from posthouse.sending.campaigns.rules import State
from posthouse.sending.content import headers
from posthouse.sending.content.cards import RenderFailed
from posthouse.sending.content.letters import TRANSACTIONAL
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.domains.rules import State as DomainState
from posthouse.sending.errors import domain_not_yours
from posthouse.sending.events import CampaignPaused, CampaignStarted, CampaignStopped
from posthouse.sending.messages import intake
from posthouse.sending.pools import queries as pools
from posthouse.tenants.accounts.queries import own_tenant
from posthouse.tenants.accounts.rules import may_send
from posthouse.tenants.contacts import addresses
from posthouse.tenants.lists import queries as lists
from posthouse.tenants.suppressions.queries import is_suppressed

EXPAND_JOB = "sending.expand_campaign"
WATCH_JOB = "sending.watch_campaign"
CALL_OFF_JOB = "sending.call_off_campaign"
MAX_NAME_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the author writes. `kind` is html or mjml; an empty `text` is made from the HTML; ids None where not chosen yet.

    `pool_id` is one of the pools that the reseller offers its tenants; None: the usual one.
    """

    name: str
    list_id: int | None = None
    domain_id: int | None = None
    pool_id: int | None = None
    from_name: str = ""
    from_local: str = ""
    reply_to: str = ""
    subject: str = ""
    preheader: str = ""
    kind: str = "html"
    html: str = ""
    text: str = ""


def create_campaign(scope: Scope, draft: Draft) -> CampaignCard:
    """Make a draft. Raises: Invalid, Missing for a list or domain that is not the tenant's."""
    require(scope, permissions.WRITE_CAMPAIGNS)
    row = Campaign(state=State.DRAFT, name="")
    _write(scope, row, draft)
    session(scope).add(row)
    session(scope).flush()
    audit.record(scope, verb="campaign.created", subject="campaign", subject_id=row.id)
    return campaign_card(row)


def edit_campaign(scope: Scope, *, campaign_id: int, draft: Draft) -> CampaignCard:
    """Change a draft. Raises: Missing, Invalid, Conflict once it is started."""
    require(scope, permissions.WRITE_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    rules.require_draft(State(row.state))
    _write(scope, row, draft)
    session(scope).flush()
    return campaign_card(row)


def copy_campaign(scope: Scope, *, campaign_id: int) -> CampaignCard:
    """Make a new draft with what another campaign says. Raises: Missing."""
    require(scope, permissions.WRITE_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    name = f"{row.name} (copy)"[:MAX_NAME_CHARACTERS]
    return create_campaign(
        scope, Draft(name=name, pool_id=_still_offered(scope, row), **{field: getattr(row, field) for field in revisions.WRITTEN})
    )


def delete_campaign(scope: Scope, *, campaign_id: int) -> None:
    """Delete a draft. Raises: Missing, Conflict once it is started: what was sent is kept."""
    require(scope, permissions.WRITE_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    rules.require_draft(State(row.state))
    audit.record(scope, verb="campaign.deleted", subject="campaign", subject_id=row.id, name=row.name)
    session(scope).delete(row)
    session(scope).flush()


def start(scope: Scope, *, campaign_id: int) -> CampaignCard:
    """Start a campaign: freeze its revision, write the first range of messages, have the rest written by a job.

    Starting a started one changes nothing. Raises: Missing, Conflict, Forbidden for a domain that is not verified,
    Invalid with every finding for a letter, sender or list that can't be sent.
    """
    require(scope, permissions.SEND_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    state = rules.start(State(row.state))
    if state is None:
        return campaign_card(row)
    _require_active(scope)
    domain = _sending_domain(scope, row)
    row.revision_id = revisions.freeze(scope, row, domain)
    row.expand_until = expansion.last_contact(scope, row.list_id or 0)
    if not row.expand_until:
        raise Invalid("no_recipients", "The list has no contacts. Choose another list, or add contacts to it.", field="list_id")
    row.state, row.started_at = state, clock.now()
    session(scope).flush()
    audit.record(scope, verb="campaign.started", subject="campaign", subject_id=row.id, list_id=row.list_id)
    emit(scope, CampaignStarted(campaign_id=row.id))
    _keep_going(scope, row)
    return campaign_card(row)


def pause(scope: Scope, *, campaign_id: int) -> CampaignCard:
    """Hold a campaign: no message of it leaves once this is committed, but those in a lease already. Raises: Missing, Conflict."""
    require(scope, permissions.SEND_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    state = rules.pause(State(row.state))
    if state is not None:
        _set(row, state, "paused by a person")
        audit.record(scope, verb="campaign.paused", subject="campaign", subject_id=row.id)
        emit(scope, CampaignPaused(campaign_id=row.id))
    return campaign_card(row)


def go_on(scope: Scope, *, campaign_id: int) -> CampaignCard:
    """Go on with a paused campaign. Raises: Missing, Conflict, Forbidden for a domain that was lost meanwhile."""
    require(scope, permissions.SEND_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    state = rules.go_on(State(row.state), expanded=row.expanded_at is not None)
    if state is not None:
        _require_active(scope)
        _sending_domain(scope, row)
        _set(row, state, "")
        audit.record(scope, verb="campaign.resumed", subject="campaign", subject_id=row.id)
        _keep_going(scope, row)
    return campaign_card(row)


def stop(scope: Scope, *, campaign_id: int) -> CampaignCard:
    """End a campaign for good; what still waits is cancelled by a job. Raises: Missing, Conflict."""
    require(scope, permissions.SEND_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    state = rules.stop(State(row.state))
    if state is not None:
        _set(row, state, "stopped by a person")
        row.finished_at = clock.now()
        session(scope).flush()
        audit.record(scope, verb="campaign.stopped", subject="campaign", subject_id=row.id)
        emit(scope, CampaignStopped(campaign_id=row.id))
        enqueue(scope, CALL_OFF_JOB, key=f"{scope.tenant}.{row.id}", campaign_id=row.id)
    return campaign_card(row)


def send_test(scope: Scope, *, campaign_id: int, to: str, contact_id: int | None = None) -> int:
    """Send a draft to one address as the contact would get it (None: as the list's first), marked as a test; returns the message's id.

    It counts as a single message and not in the campaign's figures. Raises: Missing, Invalid, Forbidden, Conflict as a start does.
    """
    require(scope, permissions.WRITE_CAMPAIGNS)
    row = _locked(scope, campaign_id)
    _require_active(scope)
    found = addresses.parse(to, allow_reserved=settings().allow_reserved_domains)
    if isinstance(found, addresses.AddressRefused):
        raise Invalid(found.code, found.sentence, field="to")
    if is_suppressed(scope, found.norm, stream=TRANSACTIONAL):
        raise Conflict("recipient_suppressed", "This address is suppressed. Choose another to send the test to.", field="to")
    revision_id = revisions.for_test(scope, row, _sending_domain(scope, row), contact_id=contact_id)
    fields = {**trial.sample_fields(scope, row, contact_id), "email": found.email}
    audit.record(scope, verb="campaign.tested", subject="campaign", subject_id=row.id)
    return intake.queue_single(
        scope,
        revision_id=revision_id,
        recipient=found.email,
        email_norm=found.norm,
        domain=found.domain,
        stream=TRANSACTIONAL,
        fields=fields,
    )


def note_waiting(scope: Scope, *, campaign_ids: list[int], reason: str, resumes_at: object) -> None:
    """Show that a limit binds, which, and until when; for the sender of mail, may be repeated.

    Paused and ended ones stay as they are, and so does one that somebody is changing at the moment: the next claim says it again.
    """
    for row in _locked_all(scope, campaign_ids):
        state = rules.wait(State(row.state))
        if state is not None or row.state == State.WAITING:
            row.state, row.state_reason, row.resumes_at = State.WAITING, reason, resumes_at  # type: ignore[assignment]
    session(scope).flush()


def note_sending(scope: Scope, *, campaign_ids: list[int]) -> None:
    """Show that messages leave again after a limit bound; for the sender of mail, may be repeated, and passes over as `note_waiting` does."""
    for row in _locked_all(scope, campaign_ids):
        state = rules.resume(State(row.state), expanded=row.expanded_at is not None)
        if state is not None:
            _set(row, state, "")
    session(scope).flush()


def _write(scope: Scope, row: Campaign, draft: Draft) -> None:
    name = headers.one_line(draft.name)
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise Invalid("campaign_name_malformed", f"A campaign's name has 1 to {MAX_NAME_CHARACTERS} characters.", field="name")
    if draft.kind not in {"html", "mjml"}:
        raise Invalid("campaign_kind_unknown", "A letter is html or mjml.", field="kind")
    for field in ("subject", "preheader", "html", "text", "from_name"):
        if "\x00" in getattr(draft, field) or not _encodable(getattr(draft, field)):
            raise Invalid("bad_characters", "This holds characters that no mail can carry. Take them out.", field=field)
    if draft.list_id is not None:
        lists.get_list(scope, draft.list_id)
    if draft.domain_id is not None and session(scope).get(SendingDomain, (scope.tenant, draft.domain_id)) is None:
        raise missing("domain")
    if draft.pool_id is not None and draft.pool_id not in {one.pool_id for one in pools.offered(scope)}:
        raise Invalid("choice_unknown", "That way of sending is not offered any more. Choose another.", field="pool_id")
    if draft.from_local:
        _require_address(f"{draft.from_local}@example.com", "from_local", "What stands before the @ in From")
    if draft.reply_to:
        _require_address(draft.reply_to, "reply_to", "Reply-To")
    row.name = name
    row.pool_id = draft.pool_id
    for field in revisions.WRITTEN:
        setattr(row, field, getattr(draft, field))


def _still_offered(scope: Scope, row: Campaign) -> int | None:
    return row.pool_id if row.pool_id in {one.pool_id for one in pools.offered(scope)} else None


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _require_address(text: str, field: str, what: str) -> None:
    try:
        found = headers.address(text)
    except RenderFailed as failed:
        raise Invalid("address_malformed", f"{what} must be one plain address. {failed.reason}", field=field) from None
    if found.smtputf8:
        raise Invalid("address_malformed", f"{what} must be written in ASCII, so that every mail server can answer to it.", field=field)


def _sending_domain(scope: Scope, row: Campaign) -> SendingDomain:
    if row.domain_id is None or not row.from_local:
        raise Invalid("sender_missing", "Choose the address that this campaign comes from.", field="domain_id")
    domain = session(scope).get(SendingDomain, (scope.tenant, row.domain_id))
    if domain is None or domain.state != DomainState.VERIFIED:
        raise domain_not_yours(domain.domain if domain else "")
    return domain


def _require_active(scope: Scope) -> None:
    tenant = own_tenant(scope)
    if not may_send(tenant.state):
        raise Conflict(
            "tenant_not_active", f"Sending is {tenant.state} for this account. {tenant.state_reason}".strip(), state=tenant.state
        )


def _keep_going(scope: Scope, row: Campaign) -> None:
    """Write the next range at once, and have the rest and the end looked after."""
    if row.expanded_at is None and not expansion.expand(scope, row, size=expansion.FIRST_RANGE):
        enqueue(scope, EXPAND_JOB, key=f"{scope.tenant}.{row.id}.0", campaign_id=row.id)
    session(scope).flush()
    enqueue(scope, WATCH_JOB, key=f"{scope.tenant}.{row.id}.0", campaign_id=row.id)


def _set(row: Campaign, state: State, reason: str) -> None:
    row.state, row.state_reason, row.resumes_at = state, reason, None


def _locked(scope: Scope, campaign_id: int) -> Campaign:
    row = session(scope).get(Campaign, (scope.tenant, campaign_id), with_for_update=True, populate_existing=True)
    if row is None:
        raise missing("campaign")
    return row


def _locked_all(scope: Scope, campaign_ids: list[int]) -> list[Campaign]:
    """Lock those that nobody else has locked: who writes a campaign's messages waits for its lane, which the caller may hold."""
    query = sa.select(Campaign).where(Campaign.id.in_(campaign_ids)).order_by(Campaign.id).with_for_update(skip_locked=True)
    return list(session(scope).scalars(query.execution_options(populate_existing=True)))

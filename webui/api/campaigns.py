"""Campaigns and sending domains for programs."""

from __future__ import annotations

from typing import Any

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import Invalid
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns import queries, report, services
from posthouse.sending.campaigns.services import Draft
from posthouse.sending.delivery.why import explain_recipients
from posthouse.sending.domains import queries as domains
from posthouse.sending.forecast.course import course_of
from posthouse.sending.forecast.queries import ForecastCard, forecast_campaign
from posthouse.webui.api import cursors
from posthouse.webui.api.edge import blueprint, number
from posthouse.webui.api.models import (
    Campaign,
    Campaigns,
    Domain,
    Domains,
    Hold,
    Link,
    NewCampaign,
    Outlook,
    Paging,
    Recipient,
    Recipients,
    RecipientsQuery,
    Report,
    reason_of,
)
from posthouse.webui.api.once import once
from posthouse.webui.api.spec import answers, api
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import needs

MOST_WAITS = 100


def _campaign(card: queries.CampaignCard) -> Campaign:
    return Campaign(
        id=ids.encode("cmp", card.id),
        name=card.name,
        state=card.state,
        state_reason=card.state_reason,
        resumes_at=card.resumes_at,
        list_id=ids.encode("lst", card.list_id) if card.list_id else None,
        subject=card.subject,
        created_at=card.created_at,
        started_at=card.started_at,
        finished_at=card.finished_at,
    )


@blueprint.get("/domains")
@needs(permissions.READ_DOMAINS)
@api.validate(resp=answers(Domains), tags=["Domains"], operation_id="listDomains")
def list_domains() -> Any:
    """List the sending domains and whether they are verified."""
    scope = visit.scope()
    with transaction(scope):
        found = domains.list_domains(scope)
    return Domains(data=[Domain(id=ids.encode("dom", card.id), domain=card.domain, state=card.state) for card in found])


@blueprint.get("/campaigns")
@needs(permissions.READ_CAMPAIGNS)
@api.validate(resp=answers(Campaigns), tags=["Campaigns"], operation_id="listCampaigns")
def list_campaigns(query: Paging) -> Any:
    """List campaigns, newest first."""
    scope = visit.scope()
    place = cursors.read("campaigns", query.cursor)
    with transaction(scope):
        page = queries.list_campaigns(scope, before=int(place) if place else None, limit=query.limit)
    cursor = cursors.make("campaigns", page.before) if page.before is not None else None
    return Campaigns(data=[_campaign(card) for card in page.cards], next_cursor=cursor)


@blueprint.post("/campaigns")
@needs(permissions.WRITE_CAMPAIGNS)
@api.validate(resp=answers(Campaign, 201), tags=["Campaigns"], operation_id="createCampaign")
def create_campaign(json: NewCampaign) -> Any:
    """Write a campaign. It is a draft until it is started."""
    scope = visit.scope()
    list_id = number("lst", json.list_id, field="list_id")

    def act() -> tuple[Campaign, int]:
        local, domain_id = _sender(scope, json.from_address)
        draft = Draft(
            name=json.name,
            list_id=list_id,
            domain_id=domain_id,
            from_name=json.from_name,
            from_local=local,
            reply_to=json.reply_to,
            subject=json.subject,
            preheader=json.preheader,
            kind=json.kind,
            html=json.html,
            text=json.text,
        )
        return _campaign(services.create_campaign(scope, draft)), 201

    return once(scope, act)


def _sender(scope: Scope, address: str) -> tuple[str, int]:
    """Return the part before the @ and the domain's id. Raises: Invalid for a domain that is not the tenant's."""
    local, _, name = address.rpartition("@")
    for card in domains.list_domains(scope):
        if card.domain == name.lower():
            return local, card.id
    raise Invalid("domain_not_yours", f"“{name}” is not one of your sending domains. Add and verify it first.", field="from_address")


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>")
@needs(permissions.READ_CAMPAIGNS)
@api.validate(resp=answers(Campaign), tags=["Campaigns"], operation_id="getCampaign")
def get_campaign(campaign_id: int) -> Any:
    """Return one campaign."""
    scope = visit.scope()
    with transaction(scope):
        return _campaign(queries.get_campaign(scope, campaign_id))


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/start")
@needs(permissions.SEND_CAMPAIGNS)
@api.validate(resp=answers(Campaign, 202), tags=["Campaigns"], operation_id="startCampaign")
def start_campaign(campaign_id: int) -> Any:
    """Start a campaign; starting a started one changes nothing."""
    scope = visit.scope()
    return once(scope, lambda: (_campaign(services.start(scope, campaign_id=campaign_id)), 202))


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/pause")
@needs(permissions.SEND_CAMPAIGNS)
@api.validate(resp=answers(Campaign), tags=["Campaigns"], operation_id="pauseCampaign")
def pause_campaign(campaign_id: int) -> Any:
    """Hold a campaign; what is in a mail server's hands already may still arrive."""
    scope = visit.scope()
    return once(scope, lambda: (_campaign(services.pause(scope, campaign_id=campaign_id)), 200))


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/resume")
@needs(permissions.SEND_CAMPAIGNS)
@api.validate(resp=answers(Campaign), tags=["Campaigns"], operation_id="resumeCampaign")
def resume_campaign(campaign_id: int) -> Any:
    """Go on with a paused campaign; nobody gets it twice."""
    scope = visit.scope()
    return once(scope, lambda: (_campaign(services.go_on(scope, campaign_id=campaign_id)), 200))


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/stop")
@needs(permissions.SEND_CAMPAIGNS)
@api.validate(resp=answers(Campaign), tags=["Campaigns"], operation_id="stopCampaign")
def stop_campaign(campaign_id: int) -> Any:
    """End a campaign for good."""
    scope = visit.scope()
    return once(scope, lambda: (_campaign(services.stop(scope, campaign_id=campaign_id)), 200))


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/report")
@needs(permissions.READ_CAMPAIGNS)
@api.validate(resp=answers(Report), tags=["Campaigns"], operation_id="getReport")
def get_report(campaign_id: int) -> Any:
    """Return what became of a campaign so far."""
    scope = visit.scope()
    with transaction(scope):
        card, links = report.get_report(scope, campaign_id), report.links(scope, campaign_id)
        course, forecast = course_of(scope, queries.get_campaign(scope, campaign_id)), forecast_campaign(scope, campaign_id)
    return Report(
        campaign_id=ids.encode("cmp", campaign_id),
        state=card.state,
        state_reason=card.state_reason,
        resumes_at=card.resumes_at,
        totals=dict(card.totals),
        waiting=card.waiting,
        in_flight=card.in_flight,
        course=[reason_of(one) for one in course],
        forecast=_outlook(forecast),
        links=[Link(number=one.number, target=one.target, clicks=one.clicks, machine_clicks=one.machine_clicks) for one in links],
    )


def _outlook(card: ForecastCard | None) -> Outlook | None:
    if card is None:
        return None
    waits = [Hold(limit=one.limit, since=one.since, until=one.until) for one in card.waits[:MOST_WAITS]]
    return Outlook(done_at=card.done_at, waits=waits, late=card.late)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/recipients")
@needs(permissions.READ_CAMPAIGNS)
@api.validate(resp=answers(Recipients), tags=["Campaigns"], operation_id="listRecipients")
def list_recipients(campaign_id: int, query: RecipientsQuery) -> Any:
    """List who got a campaign, who did not, and why; or those alone that were not delivered for one of three reasons."""
    scope = visit.scope()
    of = f"recipients.{campaign_id}.{query.outcome or ''}"
    place = cursors.read(of, query.cursor)
    with transaction(scope):
        page = report.recipients(scope, campaign_id, outcome=query.outcome or "", after=int(place) if place else 0, limit=query.limit)
        whys = explain_recipients(scope, page.cards) if holds(scope, permissions.READ_MESSAGES) else {}
    return Recipients(
        data=[
            Recipient(
                contact_id=ids.encode("con", one.contact_id),
                message_id=ids.encode("msg", one.message_id) if one.message_id else None,
                email=one.email,
                state=one.state,
                reason=one.reason,
                why=reason_of(found) if (found := whys.get(one.message_id or 0)) else None,
                opened=one.opened,
                clicked=one.clicked,
                unsubscribed=one.unsubscribed,
                bounced=one.bounced,
                complained=one.complained,
            )
            for one in page.cards
        ],
        next_cursor=cursors.make(of, page.after) if page.after is not None else None,
    )

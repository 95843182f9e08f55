"""What becomes of a campaign: live while it runs, then for ever."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.permissions import holds
from posthouse.sending import permissions
from posthouse.sending.campaigns import queries, report
from posthouse.sending.campaigns.rules import RUNNING, State
from posthouse.sending.delivery.why import explain_recipients
from posthouse.sending.forecast.course import course_of
from posthouse.sending.forecast.queries import forecast_campaign
from posthouse.tenants.lists import queries as lists
from posthouse.webui.edge import forms, htmx, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import page_or_part

blueprint = Blueprint("reports", __name__)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>")
@needs(permissions.READ_CAMPAIGNS)
def show(campaign_id: int) -> Response:
    """Show how a campaign does."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_campaign(scope, campaign_id)
        figures = report.get_report(scope, campaign_id)
        values: dict[str, Any] = {
            "campaign": card,
            "report": figures,
            "list": lists.get_list(scope, card.list_id) if card.list_id else None,
            "domains": report.by_domain(scope, campaign_id),
            "links": report.links(scope, campaign_id),
            "forecast": forecast_campaign(scope, campaign_id),
            "course": course_of(scope, card),
        }
    response = page_or_part("campaigns/report.html", "live", live=_moves(card, figures), **values)
    if htmx.is_partial() and card.state is State.FINISHED:
        htmx.toast(response, "The campaign is finished: everybody has got it, or the report says why not.")
    return response


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/recipients")
@needs(permissions.READ_CAMPAIGNS)
def recipients(campaign_id: int) -> Response:
    """Show who got a campaign, who did not, and why."""
    scope = visit.scope()
    outcome = request.args.get("outcome", "")
    outcome = outcome if outcome in report.NOT_DELIVERED else ""
    with transaction(scope):
        card, figures = queries.get_campaign(scope, campaign_id), report.get_report(scope, campaign_id)
        found = report.recipients(scope, campaign_id, outcome=outcome, after=forms.cursor("after") or 0, limit=100)
        values: dict[str, Any] = {
            "campaign": card,
            "totals": figures.totals,
            "page": found,
            "whys": explain_recipients(scope, found.cards) if holds(scope, permissions.READ_MESSAGES) else {},
        }
    return page_or_part("campaigns/recipients.html", "live", live=_moves(card, figures), outcome=outcome, **values)


def _moves(card: queries.CampaignCard, figures: report.ReportCard) -> bool:
    """Say whether something of a campaign may still change by itself within seconds."""
    return card.state in RUNNING or figures.in_flight > 0

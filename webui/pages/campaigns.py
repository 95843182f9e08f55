"""Campaigns: list, write, preview, check, start, pause, go on, stop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid
from posthouse.sending import permissions
from posthouse.sending.campaigns import queries, report, services
from posthouse.sending.campaigns.queries import CampaignCard
from posthouse.sending.campaigns.rules import State
from posthouse.sending.campaigns.services import Draft
from posthouse.sending.domains import queries as domains
from posthouse.sending.forecast.queries import forecast_campaign
from posthouse.sending.pools import queries as pools
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.lists import queries as lists
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages import starters

blueprint = Blueprint("campaigns", __name__)
_IN_FLIGHT = " In flight now: {count:,}; within two seconds they have left or come back."


@blueprint.get("/campaigns")
@needs(permissions.READ_CAMPAIGNS)
def index() -> Response:
    """List campaigns, newest first."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.list_campaigns(scope, before=forms.cursor())
        names = {one.id: one.name for one in lists.list_lists(scope)}
    return page("campaigns/index.html", page=found, lists=names)


@blueprint.get("/campaigns/new")
@needs(permissions.WRITE_CAMPAIGNS)
def new() -> Response:
    """Show the form for a new campaign."""
    return page("campaigns/edit.html", refusal=None, campaign=None, problems=(), **_form_values())


def _form_values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        fields = contacts.list_fields(scope)
        return {
            "fields": fields,
            "lists": lists.list_lists(scope),
            "counts": lists.count_subscribed(scope),
            "domains": domains.list_domains(scope),
            "ways_out": pools.offered(scope),
            "typed": request.form,
            "starter": starters.letter({field.key for field in fields}),
        }


@blueprint.post("/campaigns/new")
@needs(permissions.WRITE_CAMPAIGNS)
def create() -> Response:
    """Make a draft."""
    scope = visit.scope()
    try:
        draft = _draft()
        with transaction(scope):
            card = services.create_campaign(scope, draft)
    except AppError as refusal:
        return form_again("campaigns/edit.html", refusal, campaign=None, problems=(), **_form_values())
    flash("The draft is saved.", "success")
    return redirect(_after_saving(card.id), 303)


def _draft() -> Draft:
    return Draft(
        name=forms.text("name").strip(),
        list_id=forms.chosen_id("list_id", "lst", label="a list"),
        domain_id=forms.chosen_id("domain_id", "dom", label="a domain"),
        pool_id=forms.chosen_id("pool_id", "pol", label="a way"),
        from_name=forms.text("from_name").strip(),
        from_local=forms.text("from_local").strip(),
        reply_to=forms.text("reply_to").strip(),
        subject=forms.text("subject").strip(),
        preheader=forms.text("preheader").strip(),
        kind=forms.text("kind") or "html",
        html=forms.text("html"),
        text=forms.text("text"),
    )


def _after_saving(campaign_id: int) -> str:
    page_name = {"preview": "previews.show", "check": "campaigns.check"}.get(forms.text("then"), "campaigns.edit")
    return url_for(page_name, campaign_id=campaign_id)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/edit")
@needs(permissions.WRITE_CAMPAIGNS)
def edit(campaign_id: int) -> Response:
    """Show a draft for writing, with what is found wrong in it."""
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_campaign(scope, campaign_id)
        problems = queries.preview_campaign(scope, campaign_id).problems if card.state is State.DRAFT and card.html else ()
    if card.state is not State.DRAFT:
        return redirect(url_for("reports.show", campaign_id=campaign_id), 303)
    return page("campaigns/edit.html", refusal=None, campaign=card, problems=problems, **_form_values())


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/edit")
@needs(permissions.WRITE_CAMPAIGNS)
def save(campaign_id: int) -> Response:
    """Change a draft."""
    scope = visit.scope()
    try:
        draft = _draft()
        with transaction(scope):
            services.edit_campaign(scope, campaign_id=campaign_id, draft=draft)
    except AppError as refusal:
        return form_again("campaigns/edit.html", refusal, campaign=_card(campaign_id), problems=(), **_form_values())
    flash("Saved.", "success")
    return redirect(_after_saving(campaign_id), 303)


def _card(campaign_id: int) -> CampaignCard:
    scope = visit.scope()
    with transaction(scope):
        return queries.get_campaign(scope, campaign_id)


@blueprint.get("/campaigns/<pid('cmp'):campaign_id>/check")
@needs(permissions.READ_CAMPAIGNS)
def check(campaign_id: int) -> Response:
    """Show all that is looked at before a start."""
    return page("campaigns/check.html", refusal=None, **_check_values(campaign_id))


def _check_values(campaign_id: int) -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        card = queries.get_campaign(scope, campaign_id)
        domain = domains.get_domain(scope, card.domain_id) if card.domain_id else None
        chosen = lists.get_list(scope, card.list_id) if card.list_id else None
        return {
            "campaign": card,
            "preview": _preview_or_none(card),
            "domain": domain,
            "list": chosen,
            "people": lists.count_states(scope, chosen.id) if chosen else {},
            "forecast": forecast_campaign(scope, campaign_id),
        }


def _preview_or_none(card: CampaignCard) -> Any:
    scope = visit.scope()
    try:
        return queries.preview_campaign(scope, card.id)
    except Invalid:
        return None


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/start")
@needs(permissions.SEND_CAMPAIGNS)
def start(campaign_id: int) -> Response:
    """Start a campaign; starting a started one changes nothing."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.start(scope, campaign_id=campaign_id)
    except AppError as refusal:
        return form_again("campaigns/check.html", refusal, **_check_values(campaign_id))
    flash("The campaign is on its way.", "success")
    return redirect(url_for("reports.show", campaign_id=campaign_id), 303)


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/pause")
@needs(permissions.SEND_CAMPAIGNS)
def pause(campaign_id: int) -> Response:
    """Hold a campaign."""
    return _step(campaign_id, services.pause, "Paused. What a mail server already has can’t be called back; nothing more is handed over.")


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/go-on")
@needs(permissions.SEND_CAMPAIGNS)
def go_on(campaign_id: int) -> Response:
    """Go on with a paused campaign."""
    return _step(campaign_id, services.go_on, "It goes on where it was. Nobody gets it twice.", flying="")


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/stop")
@needs(permissions.SEND_CAMPAIGNS)
def stop(campaign_id: int) -> Response:
    """End a campaign for good."""
    return _step(campaign_id, services.stop, "Stopped for good. Who has not got it will not get it.")


def _step(campaign_id: int, act: Any, said: str, *, flying: str = _IN_FLIGHT) -> Response:
    scope = visit.scope()
    try:
        with transaction(scope):
            act(scope, campaign_id=campaign_id)
            in_flight = report.get_report(scope, campaign_id).in_flight
        flash(f"{said}{flying.format(count=in_flight) if in_flight else ''}", "success")
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        flash(refusal.sentence, "warning")
    return redirect(url_for("reports.show", campaign_id=campaign_id), 303)


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/copy")
@needs(permissions.WRITE_CAMPAIGNS)
def copy(campaign_id: int) -> Response:
    """Make a new draft of a campaign."""
    scope = visit.scope()
    with transaction(scope):
        card = services.copy_campaign(scope, campaign_id=campaign_id)
    flash("A copy is made. Change what you like; the first one stays as it is.", "success")
    return redirect(url_for("campaigns.edit", campaign_id=card.id), 303)


@blueprint.post("/campaigns/<pid('cmp'):campaign_id>/delete")
@needs(permissions.WRITE_CAMPAIGNS)
def delete(campaign_id: int) -> Response:
    """Delete a draft."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_campaign(scope, campaign_id=campaign_id)
    flash("The draft is deleted.", "success")
    return redirect("/campaigns", 303)

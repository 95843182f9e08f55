"""The first page of each place: what is going on, and what to do next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect
from werkzeug.wrappers import Response

from posthouse.platform import clock
from posthouse.platform.db import transaction
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Reach, Scope
from posthouse.sending import permissions as sending
from posthouse.sending.campaigns import queries as campaigns
from posthouse.sending.campaigns import report
from posthouse.sending.domains import queries as domains
from posthouse.sending.standing import queries as standings
from posthouse.tenants import permissions
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.lists import queries as lists
from posthouse.tenants.people import stays
from posthouse.webui.edge import visit
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import page, page_or_part
from posthouse.webui.pages.meters import meters
from posthouse.webui.pages.overview import lines_values, operator_values
from posthouse.webui.webhooks import queries as webhooks
from posthouse.webui.webhooks.permissions import READ_WEBHOOKS

blueprint = Blueprint("home", __name__)
SHOWN = 5
TOLD = timedelta(days=7)


@blueprint.get("/")
@needs(Door.PERSON)
def index() -> Response:
    """Show the home of the person's place."""
    scope = visit.current().scope
    if scope is None:
        return redirect("/places", 303)
    if scope.reach is Reach.OPERATOR:
        return _operator(scope)
    if scope.reach is Reach.RESELLER:
        return _reseller(scope)
    return _tenant(scope)


def _operator(scope: Scope) -> Response:
    return page_or_part("operator/home.html", "live", **operator_values(scope))


def _reseller(scope: Scope) -> Response:
    return page("reseller/home.html", **lines_values(scope))


def _tenant(scope: Scope) -> Response:
    with transaction(scope):
        values = {**_steps(scope), **_campaigns(scope)}
    return page_or_part("home.html", "live", **values)


def _steps(scope: Scope) -> dict[str, Any]:
    reads = holds(scope, permissions.READ_CONTACTS)
    return {
        "profile": accounts.get_profile(scope),
        "domains": domains.list_domains(scope) if holds(scope, sending.READ_DOMAINS) else (),
        "contact_count": contacts.count_contacts(scope) if reads else 0,
        "lists": lists.list_lists(scope) if holds(scope, permissions.READ_LISTS) else (),
        "stays": _stays(scope),
        "standings": standings.own_standing(scope) if holds(scope, sending.READ_CAMPAIGNS) else [],
        "hooks": webhooks.troubled(scope) if holds(scope, READ_WEBHOOKS) else [],
        **meters(scope),
    }


def _stays(scope: Scope) -> list[stays.StayCard]:
    """Return who was here from outside lately; the visitors themselves are not told of it again."""
    if visit.current().stay is not None or not holds(scope, permissions.READ_AUDIT):
        return []
    return [one for one in stays.list_stays(scope, limit=3) if one.entered_at > clock.now() - TOLD]


def _campaigns(scope: Scope) -> dict[str, Any]:
    if not holds(scope, sending.READ_CAMPAIGNS):
        return {"campaigns": (), "reports": {}, "running": False}
    cards = campaigns.list_campaigns(scope, limit=SHOWN).cards
    reports = {one.id: report.get_report(scope, one.id) for one in cards if one.started_at}
    return {"campaigns": cards, "reports": reports, "running": any(one.state in campaigns.running_states() for one in cards)}

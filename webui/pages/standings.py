"""Sending health: a tenant's own, and the lists from which reseller and operator release tenants and set limits."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Invalid, Missing
from posthouse.platform.scope import Scope
from posthouse.sending import permissions as sending
from posthouse.sending.softbounces import queries as soft_queries
from posthouse.sending.softbounces import services as softbounces
from posthouse.sending.standing import permissions, queries, rules, services
from posthouse.sending.standing.rules import MILLION, Grade, Measure
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages.suppressions import soft_bounce_form

blueprint = Blueprint("standings", __name__)
GRADES = tuple(grade for grade in Grade if grade is not Grade.WELL)
STREAMS = ("marketing", "transactional")


@blueprint.get("/sending-health")
@needs(sending.READ_CAMPAIGNS)
def own() -> Response:
    """Show the tenant how it stands, by what figures, and what to do."""
    scope = visit.scope()
    with transaction(scope):
        standings = {card.stream: card for card in queries.own_standing(scope)}
        figures = {stream: queries.figures(scope, stream=stream) for stream in STREAMS}
        limits = queries.limits(scope)
    mails, _ = rules.defaults()
    return page(
        "sending_health.html", standings=standings, figures=figures, limits=limits, measures=tuple(Measure), grades=GRADES, mails=mails
    )


@blueprint.get("/reseller/sending-health")
@needs(permissions.MANAGE)
def reseller() -> Response:
    """Show the reseller which of its tenants don't stand well."""
    return page("standings.html", refusal=None, **_values())


@blueprint.get("/operator/sending-health")
@needs(permissions.FLOORS)
def operator() -> Response:
    """Show the operator which tenants don't stand well."""
    return page("standings.html", refusal=None, **_values())


def _values() -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        values: dict[str, Any] = {"cards": queries.list_standings(scope), "limits": queries.limits(scope)}
        values |= {"floors": rules.strictest(queries.floors(scope)), "own": queries.own_limits(scope) or queries.floors(scope)}
        if _place() == "/reseller":
            values["soft_bounces"] = soft_queries.bound(scope)
    return values | {"measures": tuple(Measure), "grades": GRADES, "typed": request.form, "place": _place()}


def _place() -> str:
    return "/operator" if request.path.startswith("/operator") else "/reseller"


@blueprint.post("/reseller/sending-health/release")
@needs(permissions.MANAGE)
def release_own() -> Response:
    """Let one of the reseller's tenants send again."""
    return _release()


@blueprint.post("/operator/sending-health/release")
@needs(permissions.FLOORS)
def release_any() -> Response:
    """Let a tenant send again."""
    return _release()


def _release() -> Response:
    def act(scope: Scope) -> None:
        try:
            tenant_id = ids.decode("tnt", forms.text("tenant"))
        except Missing:
            raise Invalid("choice_unknown", "Choose a tenant from the list.", field="tenant") from None
        services.release(scope, tenant_id=tenant_id, note=forms.text("note"))

    return _change(act, "Released. Mail goes on within half a minute; what happened before counts no more.")


@blueprint.post("/reseller/sending-health/limit")
@needs(permissions.MANAGE)
def limit_own() -> Response:
    """Set a stricter limit for the reseller's tenants."""
    return _change(_set_limit, "The limit holds from now on.")


@blueprint.post("/reseller/sending-health/soft-bounces")
@needs(permissions.MANAGE)
def soft_bounces() -> Response:
    """Set how lax tenants may be with addresses whose mail keeps coming back."""
    return _change(lambda scope: softbounces.set_bound(scope, **soft_bounce_form()), "It holds for all your tenants from now on.")


@blueprint.post("/operator/sending-health/limit")
@needs(permissions.FLOORS)
def limit_all() -> Response:
    """Set a limit for everybody."""
    return _change(_set_limit, "The limit holds from now on.")


def _set_limit(scope: Scope) -> None:
    measure, _, grade = forms.text("limit").partition(":")
    services.set_limit(scope, measure=measure, grade=grade, share=_share())


def _share() -> int | None:
    given = forms.text("share").strip().replace(",", ".").removesuffix("%").strip()
    if not given:
        return None
    try:
        return round(float(given) * MILLION / 100)
    except (ValueError, OverflowError):
        raise Invalid("share_invalid", "A share is a number of per cent, such as 0.3.", field="share") from None


def _change(act: Any, said: str) -> Response:
    scope = visit.scope()
    try:
        with transaction(scope):
            act(scope)
    except AppError as refusal:
        return form_again("standings.html", refusal, **_values())
    flash(said, "success")
    return redirect(f"{_place()}/sending-health", 303)

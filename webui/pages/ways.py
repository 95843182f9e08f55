"""One route: added with a preset, changed, tried step by step, and deleted."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.platform.trials import Step
from posthouse.sending.delivery import ways as ways_out
from posthouse.sending.delivery.trial import try_door
from posthouse.sending.mailboxes.queries import names
from posthouse.sending.pools import live as routes_live
from posthouse.sending.pools import permissions, queries, rules, services
from posthouse.sending.pools.presets import Preset, presets
from posthouse.sending.pools.rules import Draft
from posthouse.sending.rates import queries as rates
from posthouse.sending.rates import services as rate_services
from posthouse.sending.rates.rules import Limits
from posthouse.sending.warmup import queries as warmups
from posthouse.sending.warmup import rules as warmup_rules
from posthouse.sending.warmup import services as warmup_services
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page, page_or_part

blueprint = Blueprint("ways", __name__)


@blueprint.get("/operator/pools/<pid('pol'):pool_id>/routes/new")
@needs(permissions.MANAGE)
def new(pool_id: int) -> Response:
    """Choose a preset, then fill in the rest."""
    preset = presets().get(request.args.get("preset", ""))
    return page("operator/new_route.html", refusal=None, typed=_preset_values(preset), **_new_values(pool_id, preset))


def _new_values(pool_id: int, preset: Preset | None) -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        pool = queries.get_pool(scope, pool_id)
    return {"pool": pool, "presets": presets(), "preset": preset, "route": None}


def _preset_values(preset: Preset | None) -> dict[str, Any]:
    draft = asdict(Draft(name="", host="", port=587))
    if preset is None:
        return draft
    host = request.args.get("host", "")
    return draft | {
        "name": preset.name,
        "host": host if host in preset.hosts.values() else next(iter(preset.hosts.values())),
        "port": preset.port,
        "tls": preset.tls,
        "username": preset.username,
        "max_connections": preset.connections,
        "messages_per_connection": preset.messages,
        "preset": preset.key,
        "headers": "".join(f"{header}:\n" for header in preset.headers),
        "virtual_mta_header": preset.virtual_mta_header,
    }


@blueprint.post("/operator/pools/<pid('pol'):pool_id>/routes")
@needs(permissions.MANAGE)
def add(pool_id: int) -> Response:
    """Add a route to a pool, or one for each of a server's own addresses."""
    scope = visit.scope()
    try:
        draft = Draft(**_typed())
        limits = _preset_limits(presets().get(draft.preset))
        made = rules.spread(draft, forms.text("ways").splitlines(), by=forms.text("ways_are"))
        with transaction(scope):
            ids = [services.add_route(scope, pool_id=pool_id, password=forms.text("password"), **asdict(one)) for one in made]
            for route_id in ids if not limits.empty else ():
                rate_services.set_limits(scope, route_id=route_id, limits=limits)
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        values = _new_values(pool_id, presets().get(forms.text("preset")))
        return form_again("operator/new_route.html", refusal, typed=_as_typed(), **values)
    flash(
        "The route is in use from now on. Try its connection." if len(ids) == 1 else f"{len(ids)} routes are in use from now on.", "success"
    )
    return redirect(url_for("ways.show", route_id=ids[0]), 303)


def _preset_limits(preset: Preset | None) -> Limits:
    """Return what the provider says that an account may send; changed afterwards at the route's page."""
    if preset is None or not forms.flag("preset_limits"):
        return Limits()
    return Limits(per_minute=preset.per_minute, per_day=preset.per_day, most_bytes=preset.most_bytes)


def _typed() -> Any:
    """Return what the form says of a route. Raises: Invalid."""
    texts = ("name", "host", "tls", "username", "source_address", "greet_as", "preset", "headers", "virtual_mta_header", "virtual_mta")
    return {
        **{name: forms.text(name) for name in texts},
        "port": forms.number("port", least=1, most=65_535, label="The port") or 25,
        "verify_tls": not forms.flag("any_certificate"),
        "max_connections": forms.number("max_connections", least=1, most=1_000, label="Connections") or 10,
        "messages_per_connection": forms.number("messages_per_connection", least=1, most=1_000_000, label="Messages a connection") or 1_000,
        "weight": forms.number("weight", least=1, most=1_000, label="The weight") or 1,
    }


def _as_typed() -> dict[str, Any]:
    """Return what was typed as it was, to show it again."""
    return asdict(Draft(name="", host="", port=0)) | dict(request.form) | {"verify_tls": not forms.flag("any_certificate")}


@blueprint.get("/operator/routes/<pid('rte'):route_id>")
@needs(permissions.MANAGE)
def show(route_id: int) -> Response:
    """Show one route with its form."""
    values = values_of(route_id)
    return page_or_part("operator/route.html", "live", refusal=None, typed=values.pop("known"), steps=None, **values)


def values_of(route_id: int) -> dict[str, Any]:
    """Return what the page of a route shows. Raises: Missing."""
    scope = visit.scope()
    with transaction(scope):
        login = queries.login_of(scope, route_id)
        pool = queries.get_pool(scope, login.card.pool_id)
        warmup = warmups.warmup_of(scope, route_id=route_id)
        limits = rates.limits_of(scope, [route_id]).get(route_id, {})
        group_names = names(scope)
        live = {
            "used": rates.used_of(scope, route_id=route_id, limits=limits),
            "holds": rates.holds_of(scope, [route_id]),
            "connections": rates.connections_of(scope, [route_id]).get(route_id, 0),
            "figures": routes_live.figures_of(scope, [route_id])[route_id],
            "replies": routes_live.replies_of(scope, route_id=route_id),
        }
    known = {name: getattr(login.card, name) for name in Draft.__dataclass_fields__ if name != "username"}
    return {
        "route": login.card,
        "pool": pool,
        "preset": presets().get(login.card.preset),
        "warmup": warmup,
        "plans": warmup_rules.plans(),
        "limits": limits,
        "group_names": group_names,
        "no_limits": Limits(),
        **live,
        "known": known
        | {"username": login.username, "greet_as": "" if login.card.greet_as == settings().mail_domain else login.card.greet_as},
    }


@blueprint.post("/operator/routes/<pid('rte'):route_id>")
@needs(permissions.MANAGE)
def save(route_id: int) -> Response:
    """Change a route. An empty password keeps the present one."""
    scope = visit.scope()
    password = "" if forms.flag("forget_password") else forms.text("password") or None
    try:
        values = _typed()
        with transaction(scope):
            services.edit_route(scope, route_id=route_id, password=password, **values)
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        known = values_of(route_id)
        known.pop("known")
        return form_again("operator/route.html", refusal, typed=_as_typed(), steps=None, **known)
    flash("Changed. It holds within seconds: what is on a connection comes to its end there.", "success")
    return redirect(url_for("ways.show", route_id=route_id), 303)


@blueprint.post("/operator/routes/<pid('rte'):route_id>/trial")
@needs(permissions.MANAGE)
def trial(route_id: int) -> Response:
    """Try the connection up to the sender, for at most half a minute; nothing is sent."""
    scope = visit.scope()
    with transaction(scope):
        login = queries.login_of(scope, route_id)
    sender = f"connection-test@{settings().mail_domain}"
    steps: tuple[Step, ...] = asyncio.run(try_door(ways_out.door_of(login), sender=sender))
    values = values_of(route_id)
    return page("operator/route.html", refusal=None, typed=values.pop("known"), steps=steps, **values)


@blueprint.post("/operator/routes/<pid('rte'):route_id>/warmup")
@needs(permissions.MANAGE)
def warm(route_id: int) -> Response:
    """Start a warm-up by a plan that comes along or by stages of one's own."""
    scope = visit.scope()
    try:
        plan = warmup_rules.plans().get(forms.text("plan"))
        stages = plan.stages if plan else warmup_rules.read_stages(forms.text("stages"))
        with transaction(scope):
            warmup_services.start(scope, route_id=route_id, stages=stages)
    except AppError as refusal:
        if refusal.kind == "missing":
            raise
        values = values_of(route_id)
        return form_again("operator/route.html", refusal, typed=values.pop("known"), steps=None, **values)
    flash("The warm-up begins with its first stage today.", "success")
    return redirect(url_for("ways.show", route_id=route_id), 303)


@blueprint.post("/operator/routes/<pid('rte'):route_id>/warmup/end")
@needs(permissions.MANAGE)
def end_warmup(route_id: int) -> Response:
    """End a warm-up."""
    scope = visit.scope()
    with transaction(scope):
        warmup_services.end(scope, route_id=route_id)
    flash("The warm-up is over: the route sends whatever comes.", "success")
    return redirect(url_for("ways.show", route_id=route_id), 303)


@blueprint.post("/operator/pools/<pid('pol'):pool_id>/overflow")
@needs(permissions.MANAGE)
def set_overflow(pool_id: int) -> Response:
    """Say where a pool's mail goes when its warming routes have sent their stage."""
    scope = visit.scope()
    with transaction(scope):
        chosen = forms.chosen_id("overflow", "pol", label="a pool")
        warmup_services.set_overflow(scope, pool_id=pool_id, overflow_pool_id=chosen)
    flash("Done; it holds within seconds.", "success")
    return redirect(url_for("pools.index"), 303)


@blueprint.post("/operator/routes/<pid('rte'):route_id>/delete")
@needs(permissions.MANAGE)
def delete(route_id: int) -> Response:
    """Delete a route."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_route(scope, route_id=route_id)
    flash("The route is deleted. Its mail goes by the pool's other routes, or waits for one.", "success")
    return redirect(url_for("pools.index"), 303)


@blueprint.post("/operator/routes/<pid('rte'):route_id>/state")
@needs(permissions.MANAGE)
def set_state(route_id: int) -> Response:
    """Pause a route or let it go on."""
    scope = visit.scope()
    with transaction(scope):
        services.set_route_state(scope, route_id=route_id, state=forms.text("state"))
    flash("Done; it holds within seconds.", "success")
    return redirect(url_for("pools.index"), 303)

"""The pages behind a letter's unsubscribe and preference links. GET shows and changes nothing; POST acts (RFC 8058)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, make_response, render_template, request
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import transaction
from posthouse.platform.errors import Missing
from posthouse.platform.scope import Scope, new_request_id, public
from posthouse.sending.tokens import Mint
from posthouse.sending.tracking import queries, services
from posthouse.sending.tracking.urls import read
from posthouse.tenants.accounts.queries import get_profile
from posthouse.tenants.brand.services import BrandCard, find_brand
from posthouse.webui.edge import brands
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import RIGHT_TO_LEFT
from posthouse.webui.public import language

blueprint = Blueprint("links", __name__)


def _recipient() -> tuple[Scope, int, BrandCard]:
    """Return the recipient's scope, the message and the brand; a link that is not ours, or whose tenant is gone, is simply not there."""
    visit = read(Mint(keyring()), request.path)
    if visit is None:
        abort(_nothing())
    asking = public("a link in a message", new_request_id())
    with transaction(asking):
        scope = services.recipients_scope(asking, visit.claims)
        brand = find_brand(asking, scope.reseller_id) if scope is not None and scope.reseller_id is not None else None
    if scope is None:
        abort(_nothing())
    return scope, visit.claims.message_id, brand or brands.neutral(settings().installation_name)


def _nothing() -> Response:
    """Answer for a link that is not ours, was altered or cut off, or whose sender is gone: the same for all, and nobody is named."""
    brand = brands.neutral(settings().installation_name)
    return _written("public/broken.html", language.chosen(), brand, None, 404)


def _page(template: str, brand: BrandCard, scope: Scope, *, locale: str, **values: object) -> Response:
    return _written(template, language.chosen(locale), brand, brands.logo_address(scope.reseller_id, brand), 200, **values)


def _written(template: str, words: language.Words, brand: BrandCard, logo: str | None, status: int, **values: object) -> Response:
    frame = {
        "brand": brand,
        "brand_css": brands.css_address(brand),
        "brand_logo": logo,
        "direction": "rtl" if words.language in RIGHT_TO_LEFT else "ltr",
        "locale": words.language,
        "words": words,
        "visit": None,
    }
    response = make_response(render_template(template, **frame, **values), status)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Language"] = words.language
    response.vary.add("Accept-Language")
    return response


@blueprint.get("/t/u/<token>")
@needs(Door.PUBLIC)
def ask(token: str) -> Response:
    """Ask whether to unsubscribe. Scanners follow links, so this changes nothing."""
    scope, message_id, brand = _recipient()
    return _page("public/unsubscribe.html", brand, scope, **_choices(scope, message_id))


def _choices(scope: Scope, message_id: int) -> dict[str, Any]:
    with transaction(scope):
        card = queries.get_preferences(scope, message_id)
        profile = get_profile(scope)
    if card is None:
        abort(_nothing())
    return {
        "single": card.single,
        "sender": profile.legal_name,
        "locale": profile.locale,
        "choices": card.choices,
        "path": request.path,
        "preferences": request.path.replace("/t/u/", "/t/p/"),
    }


@blueprint.post("/t/u/<token>")
@needs(Door.PUBLIC)
def unsubscribe(token: str) -> Response:
    """Unsubscribe: by the page's button, or in one click by the mail program (RFC 8058, section 3.2). No session, no form token."""
    scope, message_id, brand = _recipient()
    one_click = request.form.get("List-Unsubscribe", "") == "One-Click"
    everything = request.form.get("everything") == "1"
    with transaction(scope):
        found = services.unsubscribe(scope, message_id=message_id, everything=everything, source="one_click" if one_click else "link")
    if one_click:
        said = "You are unsubscribed." if found else "There was nothing to unsubscribe from."
        return make_response(f"{said}\n", 200, {"Content-Type": "text/plain; charset=utf-8"})
    if not found:
        return _page("public/unsubscribe.html", brand, scope, **_choices(scope, message_id))
    return _page("public/done.html", brand, scope, everything=everything, **_choices(scope, message_id))


@blueprint.get("/t/p/<token>")
@needs(Door.PUBLIC)
def preferences(token: str) -> Response:
    """Show the lists that the recipient is on."""
    scope, message_id, brand = _recipient()
    return _page("public/preferences.html", brand, scope, saved=False, **_choices(scope, message_id))


@blueprint.post("/t/p/<token>")
@needs(Door.PUBLIC)
def save_preferences(token: str) -> Response:
    """Keep the ticked lists and end the others."""
    scope, message_id, brand = _recipient()
    kept = set()
    for text in request.form.getlist("keep")[:500]:
        try:
            kept.add(ids.decode("lst", text))
        except Missing:
            continue  # not a list's id: nothing to keep
    with transaction(scope):
        services.set_preferences(scope, message_id=message_id, keep_list_ids=kept)
    return _page("public/preferences.html", brand, scope, saved=True, **_choices(scope, message_id))


def flush_hits() -> int:
    """Write the opens and clicks that wait in this process; returns how many."""
    return int(current_app.extensions["posthouse_tracking"].buffer.flush())

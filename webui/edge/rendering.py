"""Renders pages and parts of pages, with what every page needs: brand, person, place, navigation, formats."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, make_response, render_template
from flask_wtf.csrf import generate_csrf
from jinja2 import StrictUndefined, select_autoescape
from jinja2_fragments.flask import render_block
from werkzeug.wrappers import Response

from posthouse.platform import ids
from posthouse.platform.app import settings
from posthouse.platform.errors import AppError
from posthouse.platform.permissions import Permission, holds
from posthouse.webui.edge import assets, brands, formats, htmx, visit
from posthouse.webui.edge.navigation import groups
from posthouse.webui.edge.permits import permits

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "ps", "yi"})


def install(app: Flask) -> None:
    """Prepare the templates: everything is escaped, an unknown name is an error."""
    app.jinja_env.autoescape = select_autoescape(default=True, default_for_string=True)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=assets.address, encode=ids.encode, may=may, perm=permits())
    app.jinja_env.globals["csrf_token"] = generate_csrf
    app.jinja_env.filters.update(formats.FILTERS)
    # Components know nothing of a request but what is global, so that a part of a page finds them too.
    app.jinja_env.globals["ui"] = app.jinja_env.get_template("ui.html").module


def may(permission: Permission) -> bool:
    """Say whether the present person holds a permission; templates hide what they can't do."""
    seen = visit.find()
    return seen is not None and seen.scope is not None and holds(seen.scope, permission)


def page(template: str, status: int = 200, **values: Any) -> Response:
    """Answer with a whole page."""
    return make_response(render_template(template, **frame(), **values), status)


def part(template: str, block: str, status: int = 200, **values: Any) -> Response:
    """Answer with one block of a page's template."""
    return htmx.part(render_block(template, block, **frame(), **values), status)


def page_or_part(template: str, block: str, status: int = 200, **values: Any) -> Response:
    """Answer with the page, or with its live block when htmx asks for that."""
    return part(template, block, status, **values) if htmx.is_partial() else page(template, status, **values)


def form_again(template: str, refusal: AppError, *, block: str = "body", **values: Any) -> Response:
    """Show a refused form again, with what was typed and why it was refused."""
    status = {"conflict": 409, "forbidden": 403, "limit": 429, "missing": 404, "outside": 502}.get(refusal.kind, 422)
    return page_or_part(template, block, status, refusal=refusal, **values)


def frame() -> dict[str, Any]:
    """Return what the layout needs of the present visit."""
    seen = visit.find()
    brand = seen.brand if seen else brands.neutral(settings().installation_name)
    locale = seen.user.locale if seen and seen.user else "en"
    return {
        "brand": brand,
        "brand_css": brands.css_address(brand),
        "brand_logo": brands.logo_address(seen.brand_of if seen else None, brand),
        "direction": "rtl" if locale[:2] in RIGHT_TO_LEFT else "ltr",
        "locale": locale,
        "navigation": groups(seen.scope) if seen and seen.scope else [],
        "visit": seen,
    }


def error_page(status: int, code: str, sentence: str) -> str:
    """Render the page of an error; it must not need the database."""
    return render_template("error.html", **frame(), status=status, code=code, sentence=sentence, number=g.get("posthouse_request_id", ""))

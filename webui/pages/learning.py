"""Rules that staff make from mail that nobody understood: made from a sample, tried on what is kept, activated, retired."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.learning import queries, services
from posthouse.inbound.learning.rules import KINDS, Rule, domain_of
from posthouse.inbound.mailroom import queries as mailroom
from posthouse.inbound.permissions import READ_UNMATCHED, SORT_UNMATCHED
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError
from posthouse.sending.replies.rulebook import reasons
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page
from posthouse.webui.pages.mail import KIND_NAMES

blueprint = Blueprint("rules", __name__)


@blueprint.get("/operator/rules")
@needs(READ_UNMATCHED)
def index() -> Response:
    """List the rules."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.list_rules(scope)
    return page("operator/rules.html", rules=found, kinds=KIND_NAMES)


@blueprint.get("/operator/mail/<pid('eml'):mail_id>/rule")
@needs(SORT_UNMATCHED)
def new(mail_id: int) -> Response:
    """Show the form for a rule from a mail."""
    return page("operator/new_rule.html", refusal=None, **_form(mail_id, None))


def _form(mail_id: int, typed: Rule | None) -> dict[str, Any]:
    scope = visit.scope()
    with transaction(scope):
        mail = mailroom.get_unmatched(scope, mail_id=mail_id)
    known = mail.outcomes[0] if mail.outcomes else None
    first = Rule(0, known.text[:200] if known else "", "", domain_of(mail.card.author), "bounce", known.reason if known else "", final=True)
    why = [
        (one.name, f"{one.says.removesuffix('.')} ({one.name})") for one in reasons().values() if one.name not in ("delivered", "undefined")
    ]
    return {
        "mail": mail,
        "typed": typed or first,
        "kinds": [(kind.value, KIND_NAMES[kind]) for kind in KINDS],
        "reasons": why,
        "name": forms.text("name"),
    }


@blueprint.post("/operator/mail/<pid('eml'):mail_id>/rule")
@needs(SORT_UNMATCHED)
def create(mail_id: int) -> Response:
    """Make a rule; it is tried before it counts."""
    scope = visit.scope()
    rule = Rule(
        id=0,
        phrase=forms.text("phrase"),
        status=forms.text("status"),
        sender=forms.text("sender"),
        kind=forms.text("kind"),
        reason=forms.text("reason"),
        final=not forms.flag("goes_on"),
    )
    try:
        with transaction(scope):
            rule_id = services.make_rule(scope, mail_id=mail_id, name=forms.text("name"), rule=rule)
    except AppError as refusal:
        return form_again("operator/new_rule.html", refusal, **_form(mail_id, rule))
    return redirect(url_for("rules.show", rule_id=rule_id), 303)


@blueprint.get("/operator/rules/<pid('rul'):rule_id>")
@needs(SORT_UNMATCHED)
def show(rule_id: int) -> Response:
    """Show a rule and what it would change."""
    scope = visit.scope()
    with transaction(scope):
        found = queries.get_rule(scope, rule_id=rule_id)
        trial = services.try_rule(scope, rule_id=rule_id) if found.state != "active" else None
    return page("operator/rule.html", rule=found, trial=trial, kinds=KIND_NAMES)


@blueprint.post("/operator/rules/<pid('rul'):rule_id>/activate")
@needs(SORT_UNMATCHED)
def activate(rule_id: int) -> Response:
    """Let a rule count."""
    scope = visit.scope()
    try:
        with transaction(scope):
            services.activate(scope, rule_id=rule_id)
    except AppError as refusal:
        flash(refusal.sentence, "danger")
        return redirect(url_for("rules.show", rule_id=rule_id), 303)
    flash("The rule counts from now on. Mail that waits is sorted again.", "success")
    return redirect(url_for("rules.show", rule_id=rule_id), 303)


@blueprint.post("/operator/rules/<pid('rul'):rule_id>/retire")
@needs(SORT_UNMATCHED)
def retire(rule_id: int) -> Response:
    """Let a rule count no more."""
    scope = visit.scope()
    with transaction(scope):
        services.retire(scope, rule_id=rule_id)
    flash("The rule counts no more. What it decided stays decided.", "success")
    return redirect(url_for("rules.show", rule_id=rule_id), 303)


@blueprint.post("/operator/rules/<pid('rul'):rule_id>/delete")
@needs(SORT_UNMATCHED)
def delete(rule_id: int) -> Response:
    """Throw a rule away that doesn't count."""
    scope = visit.scope()
    with transaction(scope):
        services.delete_rule(scope, rule_id=rule_id)
    flash("The rule is gone.", "success")
    return redirect(url_for("rules.index"), 303)

"""People's answers: a simple inbox by the message that they answer, and where answers go. Shown as text, never as HTML."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from posthouse.inbound.permissions import READ_INBOUND, WORK_REPLIES
from posthouse.inbound.threads import queries, services
from posthouse.inbound.threads.rules import FORWARDS_OF_THREAD
from posthouse.platform.db import transaction
from posthouse.platform.errors import AppError, Missing
from posthouse.platform.permissions import holds
from posthouse.platform.scope import Scope
from posthouse.sending.messages.queries import MessageCard, get_message
from posthouse.sending.permissions import READ_MESSAGES
from posthouse.tenants import permissions as tenants
from posthouse.tenants.accounts import queries as accounts
from posthouse.tenants.accounts import services as account_services
from posthouse.tenants.contacts.queries import get_contact
from posthouse.webui.edge import forms, visit
from posthouse.webui.edge.access import needs
from posthouse.webui.edge.rendering import form_again, page

blueprint = Blueprint("answers", __name__)


@blueprint.get("/answers")
@needs(READ_INBOUND)
def index() -> Response:
    """List what people answered, the latest first."""
    return page("answers/index.html", refusal=None, **_list())


def _list() -> dict[str, Any]:
    scope = visit.scope()
    done = request.args.get("done") == "1"
    with transaction(scope):
        found = queries.list_threads(scope, done=done, before=forms.cursor())
        profile = accounts.get_profile(scope)
    return {"page": found, "done": done, "profile": profile, "typed": request.form, "most_forwards": FORWARDS_OF_THREAD}


@blueprint.post("/answers/settings")
@needs(tenants.MANAGE_PROFILE)
def settings() -> Response:
    """Say where answers go."""
    scope = visit.scope()
    try:
        with transaction(scope):
            account_services.set_replies(scope, where=forms.text("replies"), forward_to=forms.text("replies_to"))
    except AppError as refusal:
        return form_again("answers/index.html", refusal, **_list())
    flash("Saved. It holds for messages that leave from now on.", "success")
    return redirect(url_for("answers.index"), 303)


@blueprint.get("/answers/<pid('thr'):thread_id>")
@needs(READ_INBOUND)
def show(thread_id: int) -> Response:
    """Show one thread; from now on it counts as read."""
    scope = visit.scope()
    with transaction(scope):
        thread, answers = queries.get_thread(scope, thread_id=thread_id)
        if thread.unread:
            services.mark_read(scope, thread_id=thread_id)
        forwards = queries.forwards_of(scope, [one.mail_id for one in answers])
        message = _message(scope, thread.message_id)
        email = _email(scope, thread.contact_id)
    return page("answers/show.html", thread=thread, answers=answers, forwards=forwards, message=message, email=email)


def _message(scope: Scope, message_id: int) -> MessageCard | None:
    if not holds(scope, READ_MESSAGES):
        return None
    try:
        return get_message(scope, message_id)
    except Missing:
        return None


def _email(scope: Scope, contact_id: int | None) -> str:
    if contact_id is None or not holds(scope, tenants.READ_CONTACTS):
        return ""
    try:
        return get_contact(scope, contact_id).email
    except Missing:
        return ""


@blueprint.post("/answers/<pid('thr'):thread_id>/done")
@needs(WORK_REPLIES)
def done(thread_id: int) -> Response:
    """Close a thread, or open it again."""
    scope = visit.scope()
    closing = forms.text("done") == "1"
    with transaction(scope):
        services.mark_done(scope, thread_id=thread_id, done=closing)
    flash("Done. A new answer opens it again." if closing else "Open again.", "success")
    return redirect(url_for("answers.index") if closing else url_for("answers.show", thread_id=thread_id), 303)

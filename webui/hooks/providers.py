"""Where mail providers report: each proves itself by its own method before anything is read, and is answered once it is kept."""

from __future__ import annotations

from flask import Blueprint, Response, request

from posthouse.inbound.providers import services
from posthouse.inbound.providers.cards import HookRequest
from posthouse.platform import logs
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.hooks import sns

blueprint = Blueprint("provider_hook", __name__)


@blueprint.post("/hooks/providers/<provider>/<hook>")
@needs(Door.PUBLIC)
def take(provider: str, hook: str) -> Response:
    """Take one post. The body is read as it is: signatures cover its bytes."""
    request.max_content_length = services.MAX_BODY_BYTES + 1
    body = request.get_data(cache=False, as_text=False, parse_form_data=False)
    headers = {name.lower(): value for name, value in request.headers.items()}
    answer = _take(provider[:40], hook[:60], HookRequest(request.url, request.content_type or "", headers, body))
    if answer.status != 200:
        logs.get().warning("inbound.provider_report", status=answer.status, why=answer.why, provider=provider[:40])
    return Response(f"{answer.why}\n", status=answer.status, mimetype="text/plain")


def _take(provider: str, hook: str, asked: HookRequest) -> services.Received:
    if len(asked.body) > services.MAX_BODY_BYTES:
        return services.Received(413, "the body is larger than 4 MB")
    found = services.find_hook(provider, hook)
    if found is None:
        return services.Received(404, "there is no such hook")
    proven = sns.is_proven(asked, found.secret) if provider == "amazonses" else services.is_proven(found, asked)
    if not proven:
        return services.Received(403, "the report does not prove that it is the provider's: check secret, signature and clock")
    if provider == "amazonses" and sns.confirm(asked):
        return services.Received(200, "confirmed")
    return services.keep(found, asked)


@blueprint.get("/hooks/providers/<provider>/<hook>")
@needs(Door.PUBLIC)
def probe(provider: str, hook: str) -> Response:
    """Answer the providers that look whether somebody is there before they post (Mandrill, Mailgun)."""
    del provider, hook
    return Response("reports are posted here\n", status=200, mimetype="text/plain")

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
    found = services.find_hook(provider[:40], hook[:60])
    if found is None:
        return _answered(provider, services.Received(404, "there is no such hook"))
    most = services.most_bytes(found.provider)
    request.max_content_length = most + 1
    if (request.content_length or 0) > most:
        return _answered(provider, services.Received(413, f"the body is larger than {most // 1_000_000} MB"))
    body = request.get_data(cache=False, as_text=False, parse_form_data=False)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return _answered(provider, _take(found, HookRequest(request.url, request.content_type or "", headers, body)))


def _answered(provider: str, answer: services.Received) -> Response:
    if answer.status != 200:
        logs.get().warning("inbound.provider_report", status=answer.status, why=answer.why, provider=provider[:40])
    return Response(f"{answer.why}\n", status=answer.status, mimetype="text/plain")


def _take(found: services.Hook, asked: HookRequest) -> services.Received:
    if len(asked.body) > services.most_bytes(found.provider):
        return services.Received(413, f"the body is larger than {services.most_bytes(found.provider) // 1_000_000} MB")
    if found.provider.name == "amazonses":
        return sns.refusal(asked, found.secret) or sns.confirm(asked) or services.keep(found, asked)
    if not services.is_proven(found, asked):
        return services.Received(403, "the report does not prove that it is the provider's: check secret, signature and clock")
    return services.keep(found, asked)


@blueprint.get("/hooks/providers/<provider>/<hook>")
@needs(Door.PUBLIC)
def probe(provider: str, hook: str) -> Response:
    """Answer the providers that look whether somebody is there before they post (Mandrill, Mailgun)."""
    del provider, hook
    return Response("reports are posted here\n", status=200, mimetype="text/plain")

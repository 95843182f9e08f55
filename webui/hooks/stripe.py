"""Where Stripe's webhooks come in: the raw body goes to billing, which verifies and keeps it before we answer."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from posthouse.billing.gateway.services import MAX_BODY_BYTES, receive
from posthouse.webui.edge.access import Door, needs

blueprint = Blueprint("stripe_hook", __name__)


@blueprint.post("/hooks/stripe/<account>")
@needs(Door.PUBLIC)
def take(account: str) -> Response:
    """Take one webhook. The body is read as it is: a signature covers its bytes."""
    request.max_content_length = MAX_BODY_BYTES + 1
    body = request.get_data(cache=False, as_text=False, parse_form_data=False)
    answer = receive(account[:60], body, request.headers.get("Stripe-Signature"), request_id=g.posthouse_request_id)
    return Response(f"{answer.why}\n", status=answer.status, mimetype="text/plain")

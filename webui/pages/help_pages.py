"""Help inside the product: how things are done, and what the words mean."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint
from werkzeug.wrappers import Response

from posthouse.platform.app import settings
from posthouse.sending.transactional.mime import MOST_RECIPIENTS
from posthouse.webui.edge.access import Door, needs
from posthouse.webui.edge.rendering import page

blueprint = Blueprint("help", __name__)


@blueprint.get("/help")
@needs(Door.PERSON)
def index() -> Response:
    """Show the help page."""
    return page("help.html")


@blueprint.get("/help/smtp")
@needs(Door.PERSON)
def smtp() -> Response:
    """Show how common programs send by SMTP."""
    offered = smtp_card()
    return page(
        "help_smtp.html",
        offered=offered is not None,
        smtp=offered or SmtpCard("…", 587, 465, settings().submission_message_bytes, MOST_RECIPIENTS),
    )


@dataclass(frozen=True, slots=True)
class SmtpCard:
    """How programs reach the submission service; a port that is None is not open."""

    host: str
    starttls: int | None
    tls: int | None
    most_bytes: int
    most_recipients: int


def smtp_card() -> SmtpCard | None:
    """Return what programs must know to send by SMTP, None where the installation doesn't offer it."""
    here = settings()
    if not here.submission_certificate and not here.submission_plain_loopback:
        return None
    return SmtpCard(
        host=here.submission_hostname or here.mail_domain,
        starttls=(here.submission_public_port or here.submission_port) if here.submission_port else None,
        tls=(here.submission_public_tls_port or here.submission_tls_port)
        if here.submission_tls_port and here.submission_certificate
        else None,
        most_bytes=here.submission_message_bytes,
        most_recipients=MOST_RECIPIENTS,
    )

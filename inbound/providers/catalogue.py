"""Every provider that reports over HTTP."""

import re

from posthouse.inbound.providers import (
    amazonses,
    brevo,
    elasticemail,
    kumomta,
    mailersend,
    mailgun,
    mailjet,
    mailtrap,
    mandrill,
    postal,
    postmark,
    powermta,
    resend,
    sendgrid,
    sparkpost,
    unisendergo,
)
from posthouse.inbound.providers.cards import Provider

PROVIDERS: dict[str, Provider] = {
    module.PROVIDER.name: module.PROVIDER
    for module in (
        amazonses,
        brevo,
        elasticemail,
        kumomta,
        mailersend,
        mailgun,
        mailjet,
        mailtrap,
        mandrill,
        postal,
        postmark,
        powermta,
        resend,
        sendgrid,
        sparkpost,
        unisendergo,
    )
}


def of_path(path: str) -> Provider | None:
    """The provider that a hook's path names, or None."""
    words = (re.sub(r"[^a-z]", "", word.lower()) for word in path.split("?", 1)[0].split("/"))
    return next((PROVIDERS[word] for word in words if word in PROVIDERS), None)

"""Answers of people who are away (RFC 3834), in several languages, some without the header that would give them away."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from posthouse.sending.simulator.bounces.case import BounceCase


@dataclass(frozen=True, slots=True)
class _Words:
    subject: str
    body: str
    #: Headers that mark the answer as automatic; real ones differ, so do these.
    marks: tuple[tuple[str, str], ...]


_WORDS = {
    "en": _Words(
        "Automatic reply: {subject}",
        "Thank you for your message. I am out of the office until Monday with no access to e-mail.\n",
        (("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")),
    ),
    "de": _Words(
        "Abwesenheitsnotiz: {subject}",
        "Vielen Dank für Ihre Nachricht. Ich bin bis zum 3. des Monats nicht im Büro.\n",
        (("X-Autoreply", "yes"), ("Precedence", "bulk")),
    ),
    "fr": _Words(
        "Réponse automatique : {subject}",
        "Bonjour, je suis absent jusqu'à lundi et je vous répondrai à mon retour.\n",
        (("Auto-Submitted", "auto-replied (vacation)"),),
    ),
    "es": _Words(
        "Respuesta automática: {subject}",
        "Gracias por su mensaje. Estoy fuera de la oficina hasta el lunes.\n",
        (("Auto-Submitted", "auto-generated"), ("X-Autorespond", "{subject}")),
    ),
}


def write(language: str, case: BounceCase) -> bytes:
    """Write the answer; it goes to the return path with the null sender, as RFC 3834 section 4 asks."""
    words = _WORDS[language]
    subject = " ".join(case.subject.split())
    message = EmailMessage(policy=SMTP if case.recipient.isascii() else SMTPUTF8)
    message["From"] = case.recipient
    message["To"] = case.return_path
    message["Subject"] = words.subject.format(subject=subject)
    message["Date"] = case.at
    message["Message-ID"] = f"<{case.mark}.reply@{case.host}>"
    message["In-Reply-To"] = case.message_id
    for name, value in words.marks:
        message[name] = value.format(subject=subject)
    message.set_content(words.body.format(subject=subject))
    return message.as_bytes()

"""Compiles what a campaign's author wrote, and shows it as one contact would see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from posthouse.platform.errors import Invalid
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.sending import permissions
from posthouse.sending.campaigns.models import Campaign
from posthouse.sending.content import language
from posthouse.sending.content.compile import compile_letter, variables
from posthouse.sending.content.letters import Compiled, Letter, Outcome
from posthouse.sending.content.problems import Problem
from posthouse.sending.content.rendering import TemplateFailed, render
from posthouse.tenants.accounts.queries import get_profile
from posthouse.tenants.contacts import queries as contacts
from posthouse.tenants.lists import queries as lists

PREVIEW_BASE = "#"


@dataclass(frozen=True, slots=True)
class PreviewCard:
    """A letter as one contact sees it; `html` and `text` are empty where a problem forbids it. Links lead nowhere."""

    subject: str
    html: str
    text: str
    problems: tuple[Problem, ...]
    size_bytes: int


def letter_of(scope: Scope, campaign: Campaign, *, sample: Mapping[str, object]) -> Letter:
    """Return a campaign's letter with all that compiling needs to know of the tenant."""
    profile = get_profile(scope)
    return Letter(
        subject=campaign.subject,
        html=campaign.html,
        text=campaign.text,
        preheader=campaign.preheader,
        kind=campaign.kind,
        sender_name=campaign.from_name or profile.legal_name,
        postal_address=profile.postal_address,
        fields=known_fields(scope),
        sample=sample,
    )


def known_fields(scope: Scope) -> frozenset[str]:
    """Return the names that letters may use for a contact."""
    return frozenset(field.key for field in contacts.list_fields(scope)) | {"email"}


def sample_fields(scope: Scope, campaign: Campaign, contact_id: int | None) -> Mapping[str, object]:
    """Return the fields of the contact to try with: the given one, else the first of the list, else none. Raises: Missing."""
    if contact_id is not None:
        card = contacts.get_contact(scope, contact_id)
        return {**card.fields, "email": card.email}
    if campaign.list_id is None:
        return {}
    first = lists.first_contact(scope, campaign.list_id)
    if first is None:
        return {}
    card = contacts.get_contact(scope, first)
    return {**card.fields, "email": card.email}


def compile_campaign(scope: Scope, campaign: Campaign, *, contact_id: int | None = None) -> tuple[Outcome, Letter]:
    """Compile a campaign as it stands. Raises: Missing for a foreign contact."""
    letter = letter_of(scope, campaign, sample=sample_fields(scope, campaign, contact_id))
    return compile_letter(letter), letter


def preview(scope: Scope, campaign: Campaign, *, contact_id: int | None = None) -> PreviewCard:
    """Show a campaign's letter as one contact sees it, with every finding. Raises: Missing for a foreign contact."""
    require(scope, permissions.READ_CAMPAIGNS)
    outcome, letter = compile_campaign(scope, campaign, contact_id=contact_id)
    if outcome.compiled is None:
        return PreviewCard("", "", "", outcome.problems, 0)
    return fill(outcome.compiled, letter, outcome.problems)


def fill(compiled: Compiled, letter: Letter, problems: tuple[Problem, ...] = ()) -> PreviewCard:
    """Fill in a compiled letter with its sample; links and pixel lead nowhere."""
    names = variables(letter.sample, sender_name=letter.sender_name, postal_address=letter.postal_address)
    names |= {"unsubscribe_url": PREVIEW_BASE, "preferences_url": PREVIEW_BASE, "_o": "", "_l": list(compiled.links)}
    try:
        made = [
            render(environment.from_string(source), names)
            for environment, source in ((language.TEXT, compiled.subject), (language.HTML, compiled.html), (language.TEXT, compiled.text))
        ]
    except TemplateFailed as failed:
        raise Invalid("template_fails", f"The letter can't be filled in for this contact: {failed}.") from failed
    without_pixel = re.sub(r'<img src="" width="1"[^>]*>', "", made[1])
    return PreviewCard(" ".join(made[0].split()), without_pixel, made[2], problems, len(without_pixel.encode()))

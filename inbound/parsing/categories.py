"""PowerMTA writes its own verdict into its reports: it heard the whole dialogue, so it helps where the words alone say little."""

from dataclasses import replace

from posthouse.sending.replies.cards import Classification
from posthouse.sending.replies.rulebook import reasons

# The categories of PowerMTA's user guide (bounce category patterns) that name one of our reasons.
_REASONS = {
    "bad-connection": "networkerror",
    "bad-domain": "hostunknown",
    "bad-mailbox": "userunknown",
    "content-related": "contenterror",
    "inactive-mailbox": "suspend",
    "invalid-sender": "rejected",
    "message-expired": "expired",
    "no-answer-from-host": "expired",
    "policy-related": "policyviolation",
    "protocol-errors": "syntaxerror",
    "quota-issues": "mailboxfull",
    "relaying-issues": "norelaying",
    "routing-errors": "networkerror",
    "spam-related": "spamdetected",
    "virus-related": "virusdetected",
}
_SAY_LITTLE = ("undefined", "onhold")


def by_category(told: Classification, category: str) -> Classification:
    """The classification with the category's reason where the words told none, or left open whether the mailbox is unknown."""
    reason = _REASONS.get(category)
    unsure = told.reason in _SAY_LITTLE or (told.rule == "filtered-unknown" and reason == "userunknown")
    if reason is None or not unsure:
        return told
    facts = reasons()[reason]
    return replace(told, reason=reason, hard=facts.hard, suppress=facts.suppress and told.class_ != 4, rule=f"powermta-{category}")

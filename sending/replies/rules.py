"""Decide what an answer means: pure, the same for a live SMTP reply and for a reply quoted in a bounce."""

from functools import lru_cache

from posthouse.sending.replies.cards import Action, Classification, Stage
from posthouse.sending.replies.finding import index
from posthouse.sending.replies.reading import LONGEST_TEXT, best_status, find_code, find_stage, find_statuses, tidy
from posthouse.sending.replies.rulebook import reasons, status_forms

REMEMBERED = 1024  # answers; their texts are strangers', so this and LONGEST_TEXT bound what is held


def classify(code: int, enhanced: str | None, text: str, *, stage: str = "", domain_group: str | None = None) -> Classification:
    """Say what a reply means.

    `code` is the SMTP reply code, or 0 when only text is known. `enhanced` is the code of RFC 3463, or None: then it is
    sought in the text. `text` is the reply with its lines joined by a space. `stage` is the command that was answered (a
    `Stage`); empty when unknown: then the text may tell. `domain_group` names the recipient's mailbox provider, or None.
    Never raises, for any input.
    """
    return _classify(code, enhanced, text[:LONGEST_TEXT], stage, domain_group)


@lru_cache(maxsize=REMEMBERED)
def _classify(code: int, enhanced: str | None, text: str, stage: str, domain_group: str | None) -> Classification:
    status = enhanced or best_status(find_statuses(text))
    reply = code or find_code(text)
    class_ = _class(reply if code else 0, status) or _class(reply, None)
    if class_ == 2:
        return Classification(Action.DELIVERED, status, 2, "delivered", hard=False, suppress=False, rule="delivered")
    reason, rule = _reason(tidy(text), status or "", reply, stage or find_stage(text), domain_group or "")
    action = Action.DELAYED if class_ == 4 else Action.FAILED
    facts = reasons()[reason]
    # RFC 5321 4.2.1: a 4yz reply asks for another try, so it is never the last word on an address.
    return Classification(action, status, class_, reason, hard=facts.hard, suppress=facts.suppress and class_ != 4, rule=rule)


def forget() -> None:
    """Forget what was answered before, as a benchmark of the first answer needs."""
    _classify.cache_clear()


def _reason(text: str, status: str, code: int, stage: str, group: str) -> tuple[str, str]:
    if not text and not status and not code:
        return "undefined", "nothing-said"
    forms = status_forms(status)
    for rule in index().candidates(text):
        if rule.fits(text, forms, code, stage, group):
            return rule.reason, rule.name
    return ("onhold", "code-without-reason") if status or code else ("undefined", "nothing-known")


def _class(code: int, status: str | None) -> int:
    # RFC 3463 2 and RFC 2034: a server that contradicts itself is believed in its reply code, which drives the dialogue.
    if code >= 200:
        return code // 100
    return int(status[0]) if status and status[0] in "245" else 0


__all__ = ["Stage", "classify"]

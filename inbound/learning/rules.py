"""Apply learned rules to what a mail was understood as: pure. They are asked in the order in which they were made; the first decides."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from posthouse.inbound.parsing.cards import Feedback, Kind, Outcome, Understood
from posthouse.inbound.parsing.headers import addresses
from posthouse.platform.errors import Invalid
from posthouse.sending.replies.reading import best_status, find_statuses, tidy
from posthouse.sending.replies.rulebook import reasons, says_any

KINDS = (Kind.BOUNCE, Kind.AUTO_REPLY, Kind.REPLY, Kind.COMPLAINT, Kind.UNSUBSCRIBE)
"""What a rule may make of a mail. Reports about domains are files of their own form, so no rule makes any."""
VAGUE = (Kind.UNKNOWN, Kind.REPLY, Kind.AUTO_REPLY)
"""What a rule may overrule: what was recognised by its form (a status report, a complaint) stays what it is."""
SHORTEST, LONGEST = 12, 300
EXCERPT = 300
_STATUS = re.compile(r"[x245]\.\d{1,3}\.(?:\d{1,3}|\*)")
_DOMAIN = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Every condition that it has must hold: `phrase` (its pieces, divided by " * ", in that order), `status`, `sender` domain.

    `kind` is what such a mail is; for a bounce `reason` is why, and `final` is False where the server goes on trying.
    """

    id: int
    phrase: str
    status: str
    sender: str
    kind: str
    reason: str
    final: bool

    @property
    def name(self) -> str:
        """How it is named where it decided."""
        return f"learned-{self.id}"

    def fits(self, text: str, status: str, domain: str) -> bool:
        """Does it apply to a tidied text?"""
        if self.sender and domain != self.sender and not domain.endswith("." + self.sender):
            return False
        return _status_fits(self.status, status) and says_any(text, (tuple(self.phrase.split(" * ")),))


def clean(rule: Rule) -> Rule:
    """Tidy a rule as typed. Raises: Invalid, saying which field and why."""
    pieces = [piece for piece in (tidy(piece) for piece in rule.phrase.split("*")) if piece]
    rule = replace(rule, phrase=" * ".join(pieces), status=rule.status.strip().lower(), sender=rule.sender.strip().lower().strip(".@"))
    letters = sum(character.isalnum() for character in rule.phrase)
    if letters < SHORTEST or len(rule.phrase) > LONGEST:
        raise Invalid(
            "rule_phrase",
            f"The words must hold at least {SHORTEST} letters, so that they fit no other mail, and at most {LONGEST}.",
            field="phrase",
        )
    if rule.status and not _STATUS.fullmatch(rule.status):
        raise Invalid("rule_status", "A code looks like 5.1.1; x.1.1 stands for 4.1.1 and 5.1.1, and x.1.* for any detail.", field="status")
    if rule.sender and not _DOMAIN.fullmatch(rule.sender):
        raise Invalid("rule_sender", "Give the domain from which such mail comes, such as example.com, or leave it empty.", field="sender")
    if rule.kind not in KINDS:
        raise Invalid("rule_kind", "Say what such a mail is.", field="kind")
    if rule.kind != Kind.BOUNCE:
        return replace(rule, reason="", final=True)
    if rule.reason not in reasons() or rule.reason in ("delivered", "undefined"):
        raise Invalid("rule_reason", "Say why such a message bounced.", field="reason")
    return rule


def apply(understood: Understood, rules: Sequence[Rule], words: Callable[[], str]) -> Understood:
    """Overrule what the rules know better. `words` gives subject and text of the letter; it is asked only where nothing else says what it is."""
    if not rules:
        return understood
    domain = domain_of(understood.sender)
    if understood.kind is Kind.BOUNCE:
        return replace(understood, outcomes=tuple(_overruled(one, rules, domain) for one in understood.outcomes))
    if understood.kind not in VAGUE:
        return understood
    said = words()
    text = tidy(said)
    status = best_status(find_statuses(said)) or ""
    rule = next((rule for rule in rules if rule.fits(text, status, domain)), None)
    return understood if rule is None else _become(understood, rule, text, status)


def is_strange(understood: Understood) -> bool:
    """Is it not understood: of no known kind, or a bounce that says no reason anybody knows?"""
    if understood.kind is Kind.UNKNOWN:
        return True
    unsaid = all(one.reason in ("undefined", "onhold") for one in understood.outcomes)
    return understood.kind is Kind.BOUNCE and unsaid


def gist(understood: Understood) -> str:
    """What a mail was taken for, in one line, to compare before and after."""
    said = ", ".join(dict.fromkeys(f"{one.reason} ({one.action})" for one in understood.outcomes))
    return f"{understood.kind}: {said}" if said else str(understood.kind)


def domain_of(sender: str) -> str:
    """The domain of a From field, in lower case; empty when it names none."""
    found = addresses(sender)
    return found[0].rpartition("@")[2].lower() if found else ""


def _overruled(outcome: Outcome, rules: Sequence[Rule], domain: str) -> Outcome:
    if outcome.action not in ("failed", "delayed"):
        return outcome
    text = tidy(outcome.text)
    rule = next((one for one in rules if one.kind == Kind.BOUNCE and one.fits(text, outcome.status or "", domain)), None)
    if rule is None:
        return outcome
    facts = reasons()[rule.reason]
    # How final it is, the report itself says; a rule says why.
    return replace(
        outcome,
        reason=facts.name,
        hard=facts.hard,
        suppress=facts.suppress and outcome.action == "failed" and outcome.class_ != 4,
        rule=rule.name,
    )


def _become(understood: Understood, rule: Rule, text: str, status: str) -> Understood:
    made = replace(understood, kind=Kind(rule.kind), rule=rule.name, outcomes=())
    if rule.kind == Kind.COMPLAINT:
        return replace(made, feedback=Feedback("abuse", reporter=domain_of(understood.sender)))
    if rule.kind != Kind.BOUNCE:
        return made
    facts = reasons()[rule.reason]
    at = max(0, text.find(rule.phrase.split(" * ")[0]) - EXCERPT // 3)
    outcome = Outcome(
        recipient=None,
        action="failed" if rule.final else "delayed",
        status=status or None,
        class_=5 if rule.final else 4,
        reason=facts.name,
        hard=facts.hard,
        suppress=facts.suppress and rule.final,
        text=text[at : at + EXCERPT],
        rule=rule.name,
    )
    return replace(made, outcomes=(outcome,))


def _status_fits(wanted: str, status: str) -> bool:
    if not wanted:
        return True
    if not status:
        return False
    wide = wanted.endswith(".*")
    shape = wanted.removesuffix("*")
    given = status if shape[0] != "x" else f"x{status[1:]}"
    return given.startswith(shape) if wide else given == wanted

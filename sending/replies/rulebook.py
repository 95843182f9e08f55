"""The rules as data: read once from the TOML files beside this module."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from posthouse.sending.replies.cards import Reason

RULE_FILES = ("providers.toml", "texts.toml", "codes.toml")
"""In the order in which they are asked: a provider's own mark, then words, then bare codes."""
GAP = 80  # letters that may stand for ` * `: a sentence's, not those of a whole report


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: every condition that it has must hold; within one condition any alternative does.

    A phrase may hold ` * `: its pieces must then occur in that order, near each other. A phrase of at most four Latin letters counts only as a
    whole word, since `dul` stands in "module" and `uce` in "produce". `needs` are literal pieces of which the pattern holds
    one. `heads` are literal pieces without one of which the rule cannot apply; empty when there are none to look for.
    """

    name: str
    reason: str
    evidence: str
    phrases: tuple[tuple[str, ...], ...]
    words: re.Pattern[str] | None
    unless: tuple[tuple[str, ...], ...]
    statuses: frozenset[str]
    unless_statuses: frozenset[str]
    codes: frozenset[int]
    stages: frozenset[str]
    groups: frozenset[str]
    pattern: re.Pattern[str] | None
    needs: tuple[str, ...]
    heads: tuple[str, ...] = ()

    def fits(self, text: str, forms: frozenset[str], code: int, stage: str, group: str) -> bool:
        """Does the rule apply to a tidied text with these codes? `forms` are the `status_forms` of the enhanced one."""
        return self._fits_codes(forms, code, stage, group) and self._fits_words(text)

    def _fits_codes(self, forms: frozenset[str], code: int, stage: str, group: str) -> bool:
        if (self.statuses and self.statuses.isdisjoint(forms)) or not self.unless_statuses.isdisjoint(forms):
            return False
        if (self.codes and code not in self.codes) or (self.stages and stage not in self.stages):
            return False
        return not self.groups or group in self.groups

    def _fits_words(self, text: str) -> bool:
        if self.pattern is not None and not self._shows(text):
            return False
        if (self.phrases or self.words) and not self._says(text):
            return False
        return not (self.unless and says_any(text, self.unless))

    def _shows(self, text: str) -> bool:
        return self.pattern is not None and bool(self.pattern.search(text))

    def _says(self, text: str) -> bool:
        return says_any(text, self.phrases) or (self.words is not None and bool(self.words.search(text)))


def says_any(text: str, phrases: tuple[tuple[str, ...], ...]) -> bool:
    """Does the text hold one of the phrases, the pieces of each in order?"""
    # A plain loop: this runs some hundred times for each answer, and a generator would cost thrice as much.
    for phrase in phrases:  # noqa: SIM110
        if phrase[0] in text and (len(phrase) == 1 or _in_order(text, phrase)):
            return True
    return False


def _in_order(text: str, pieces: tuple[str, ...]) -> bool:
    start = text.find(pieces[0])
    while start >= 0:
        at = start + len(pieces[0])
        for piece in pieces[1:]:
            found = text.find(piece, at, at + GAP + len(piece))
            if found < 0:
                break
            at = found + len(piece)
        else:
            return True
        start = text.find(pieces[0], start + 1)
    return False


def status_forms(status: str) -> frozenset[str]:
    """The ways in which a rule may name an enhanced code; none for no code.

    "x.1.1" stands for 4.1.1 and 5.1.1: the class says how final it is, not why. "x.1.*" stands for any detail.
    """
    if not status:
        return frozenset()
    whole = f"{status[: status.rfind('.')]}.*"
    return frozenset((status, f"x{status[1:]}", whole, f"x{whole[1:]}"))


@cache
def reasons() -> dict[str, Reason]:
    """The vocabulary by name."""
    return {name: _reason(name, facts) for name, facts in _read("reasons.toml").items()}


def _reason(name: str, facts: dict[str, object]) -> Reason:
    return Reason(name, hard=bool(facts["hard"]), suppress=bool(facts["suppress"]), says=str(facts["says"]))


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, in the order in which they are asked."""
    return tuple(_rule(name, facts) for file in RULE_FILES for name, facts in _read(file).items())


@cache
def sources() -> dict[str, str]:
    """What each rule rests on, by its name: for people who ask why."""
    return {rule.name: rule.evidence for rule in rules()}


def _read(file: str) -> dict[str, dict[str, object]]:
    return tomllib.loads(resources.files("posthouse.sending.replies").joinpath(file).read_text(encoding="utf-8"))


def _rule(name: str, facts: dict[str, object]) -> Rule:
    known = {"reason", "evidence", "phrases", "unless", "statuses", "unless_statuses", "codes", "stages", "groups", "pattern", "needs"}
    if unknown := set(facts) - known:
        raise ValueError(f"rule {name}: unknown {sorted(unknown)}")
    if facts["reason"] not in reasons():
        raise ValueError(f"rule {name}: unknown reason {facts['reason']!r}")
    pattern = facts.get("pattern")
    phrases = _phrases(facts.get("phrases"))
    needs = tuple(map(str, _list(facts.get("needs"))))
    heads = _heads(phrases, needs)
    return Rule(
        name=name,
        reason=str(facts["reason"]),
        evidence=str(facts["evidence"]),
        phrases=tuple(phrase for phrase in phrases if not _is_word(phrase)),
        words=_words([phrase[0] for phrase in phrases if _is_word(phrase)]),
        unless=_phrases(facts.get("unless")),
        statuses=frozenset(map(str, _list(facts.get("statuses")))),
        unless_statuses=frozenset(map(str, _list(facts.get("unless_statuses")))),
        codes=frozenset(int(str(code)) for code in _list(facts.get("codes"))),
        stages=frozenset(map(str, _list(facts.get("stages")))),
        groups=frozenset(map(str, _list(facts.get("groups")))),
        pattern=re.compile(str(pattern)) if pattern else None,
        needs=needs,
        heads=heads,
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _phrases(value: object) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(str(phrase).lower().split(" * ")) for phrase in _list(value))


def _is_word(phrase: tuple[str, ...]) -> bool:
    # Chinese and Japanese write without spaces between words: there is no boundary to look for.
    return len(phrase) == 1 and len(phrase[0]) <= 4 and phrase[0].isalpha() and phrase[0].isascii()


def _words(words: list[str]) -> re.Pattern[str] | None:
    return re.compile(rf"\b(?:{'|'.join(words)})\b") if words else None


def _heads(phrases: tuple[tuple[str, ...], ...], needs: tuple[str, ...]) -> tuple[str, ...]:
    pieces = list(dict.fromkeys(phrase[0] for phrase in phrases)) or list(needs)
    # A piece that holds another one needs no look-up of its own.
    return tuple(piece for piece in pieces if not any(other in piece for other in pieces if other != piece))

"""No pattern takes long, whatever it is given: what it repeats, repeated up to the most that it is ever shown."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType

import attacks
import pytest

from posthouse.inbound import parsing, threads
from posthouse.sending import replies
from posthouse.sending.replies.reading import LONGEST_TEXT
from posthouse.sending.replies.rulebook import rules

SECONDS = 0.25
SUBJECT = 1_000  # characters of a subject or an author that are kept
SIZE = 16_000  # enough to show growth with the square of the length; most patterns are shown 64,000
LIMITS = {"attachments._BARE": 400, "away.SUBJECT": SUBJECT, "away.ABSENT": SUBJECT, "away.HOLIDAY": SUBJECT}
ANCHORED = {"letter._FROM_MACHINE"}  # asked once, at one place


def _patterns() -> dict[str, re.Pattern[str]]:
    found = {
        f"{module.__name__.rpartition('.')[2]}.{name}": one
        for package in (parsing, replies, threads)
        for module in _modules(package)
        for name, one in vars(module).items()
        if isinstance(one, re.Pattern)
    }
    for rule in rules():
        found |= {f"rule {rule.name}": one for one in (rule.pattern, rule.words) if one is not None}
    return found


def _modules(package: ModuleType) -> list[ModuleType]:
    return [importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)]


def _limit(name: str) -> int:
    return LIMITS.get(name.replace("autoreply.", "away."), LONGEST_TEXT if name.startswith(("rule ", "reading._STAGE")) else SIZE)


def test_no_pattern_takes_long() -> None:
    """Each is searched in texts that its own repetitions are made for, growing until it is slow or its limit is met."""
    slow = {}
    for name, pattern in _patterns().items():
        if name not in ANCHORED:
            taken, text = attacks.slowest(pattern, size=_limit(name), seconds=SECONDS)
            if taken > SECONDS:
                slow[name] = (round(taken, 2), text)
    assert slow == {}


@pytest.mark.parametrize("bad", [r"\s*\s*x", r"[a-z]*-?[a-z]*:"])
def test_a_slow_pattern_is_found(bad: str) -> None:
    """The attacks find what grows with more than the length."""
    taken, _ = attacks.slowest(re.compile(bad), size=4_000, seconds=SECONDS)
    assert taken > SECONDS

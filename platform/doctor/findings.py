"""What a check finds: a level, a sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from posthouse.platform.secrets import Keyring
from posthouse.platform.settings import Settings


class Level(StrEnum):
    """How bad it is: a fail keeps the product from working or from being safe."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `do` is empty where all is well."""

    check: str
    level: Level
    what: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a check may look at. An empty address in the settings: that embedded service was never started here."""

    settings: Settings
    keyring: Keyring | None
    sealed: Sequence[str] = ()  # TABLE.COLUMN of every sealed value


@dataclass(frozen=True, slots=True)
class Check:
    """One question; `run` answers with findings, and raises nothing for a fault in what it looks at."""

    name: str
    run: Callable[[Ground], Iterable[Finding]]


def ok(check: str, what: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(check, Level.OK, what)


def warn(check: str, what: str, do: str) -> Finding:
    """Say that something works but should not stay so."""
    return Finding(check, Level.WARN, what, do)


def fail(check: str, what: str, do: str) -> Finding:
    """Say that something keeps the product from working or from being safe."""
    return Finding(check, Level.FAIL, what, do)


def reason(problem: BaseException) -> str:
    """Return the first line of an exception's text that says something, for a sentence."""
    cause = getattr(problem, "orig", None) or problem
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(cause).__name__

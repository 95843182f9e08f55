"""Refusals and failures, by kind. An edge turns a kind into its protocol's status; nobody else knows of protocols.

Each carries a stable `code` for programs, a `sentence` for a person that says why and what to do, and `facts` for both.
"""

from __future__ import annotations

from typing import Any, ClassVar


class AppError(Exception):
    """The root of everything that Posthouse refuses or fails at on purpose."""

    kind: ClassVar[str] = "failure"

    def __init__(self, code: str, sentence: str, **facts: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.facts = facts


class Invalid(AppError):
    """The input can't be taken as it is. `facts["field"]` names the field where one is to blame."""

    kind = "invalid"


class Forbidden(AppError):
    """The actor may not do this."""

    kind = "forbidden"


class Missing(AppError):
    """There is no such thing, or it is not the actor's: the same answer for both."""

    kind = "missing"


class Conflict(AppError):
    """The thing is not in a state in which this can be done, or somebody was faster."""

    kind = "conflict"


class LimitReached(AppError):
    """An allowance or a rate is used up. `facts["resumes_at"]` says when it goes on, where that is known."""

    kind = "limit"


class OutsideFailure(AppError):
    """Somebody outside (a mail server, a payment provider, a name server) failed or refused."""

    kind = "outside"


def missing(noun: str) -> Missing:
    """Make the one answer for "not there" and "not yours"."""
    return Missing(f"{noun.replace(' ', '_')}_not_found", f"There is no such {noun}.")

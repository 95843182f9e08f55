"""What was found of a mail's authentication, in the words of RFC 8601 2.7."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """A result as RFC 8601 names it; NOT_CHECKED is ours: there was no time, no name server, or nothing to check by."""

    PASS = "pass"  # noqa: S105 - no secret
    FAIL = "fail"
    SOFT_FAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPORARY = "temperror"
    PERMANENT = "permerror"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `of` is the domain that it speaks for, `why` what made it so; either may be empty."""

    method: str
    result: Result
    of: str = ""
    why: str = ""

    def facts(self) -> dict[str, str]:
        """As it is kept beside the mail."""
        return {"method": self.method, "result": self.result, "of": self.of[:253], "why": self.why[:200]}

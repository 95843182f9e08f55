"""What is wrong with a letter, so that its author can mend it: where, what, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

_EXCERPT_CHARACTERS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding. `part` is subject, preheader, html or text; `line` counts from 1, None where no line is to blame."""

    code: str
    sentence: str
    part: str
    error: bool = True
    line: int | None = None
    excerpt: str | None = None


def at(part: str, source: str, offset: int, code: str, sentence: str, *, error: bool = True) -> Problem:
    """Make a problem that points at a place in the source."""
    offset = max(0, min(offset, len(source)))
    line = source.count("\n", 0, offset) + 1
    start = source.rfind("\n", 0, offset) + 1
    end = source.find("\n", offset)
    text = source[start : end if end >= 0 else len(source)].strip()
    if len(text) > _EXCERPT_CHARACTERS:
        begin = max(0, min(offset - start - _EXCERPT_CHARACTERS // 2, len(text) - _EXCERPT_CHARACTERS))
        text = text[begin : begin + _EXCERPT_CHARACTERS]
    return Problem(code=code, sentence=sentence, part=part, error=error, line=line, excerpt=text)


def whole(part: str, code: str, sentence: str, *, error: bool = True) -> Problem:
    """Make a problem of a whole part."""
    return Problem(code=code, sentence=sentence, part=part, error=error)

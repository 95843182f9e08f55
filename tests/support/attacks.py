"""Write texts that are hard for a pattern: what it repeats, repeated, with what comes before it and without."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_CATEGORIES = {codes.CATEGORY_DIGIT: "1", codes.CATEGORY_SPACE: " ", codes.CATEGORY_WORD: "a", codes.CATEGORY_NOT_SPACE: "a"}
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_LEAST = 30  # repetitions that are worth an attack


def _letter(choices: list[Any]) -> str:
    if choices[0][0] is codes.NEGATE:
        taken = "".join(_letter([one]) for one in choices[1:] if one[0] in (codes.LITERAL, codes.RANGE, codes.CATEGORY))
        return next(letter for letter in " ax1-\x02" if letter not in taken)
    kind, value = choices[0]
    if kind is codes.LITERAL:
        return chr(value)
    return chr(value[0]) if kind is codes.RANGE else _CATEGORIES.get(value, ".")


def _sample(node: Any, found: list[tuple[str, str]], before: str = "") -> str:
    """One text that the pattern's node fits, noting on the way what is repeated much, and what stands before it."""
    text = ""
    for kind, value in node:
        if kind is codes.LITERAL:
            text += chr(value)
        elif kind is codes.NOT_LITERAL:
            text += "a" if value != ord("a") else "b"
        elif kind is codes.ANY:
            text += "a"
        elif kind is codes.IN:
            text += _letter(value)
        elif kind is codes.BRANCH:
            samples = [_sample(branch, found, before + text) for branch in value[1]]  # of each, for what it repeats
            text += samples[0]
        elif kind is codes.SUBPATTERN:
            text += _sample(value[3], found, before + text)
        elif kind in _REPEATS:
            least, most, body = value
            piece = _sample(body, found, before + text)
            if most >= _LEAST and piece:
                found.append((before + text, piece))
            text += piece * max(least, 1 if most else 0)
    return text


def attacks(pattern: str, flags: int, size: int) -> Iterator[str]:
    """Texts of about `size` letters."""
    found: list[tuple[str, str]] = []
    whole = _sample(parser.parse(pattern, flags), found)
    for before, piece in dict.fromkeys([*found, ("", whole[:-1] or "a"), ("", " "), ("", "a")]):
        yield before + piece * (size // len(piece)) + "\x01"
        yield (before + piece) * (size // len(before + piece)) + "\x01"


def slowest(pattern: re.Pattern[Any], *, size: int, seconds: float) -> tuple[float, str]:
    """Search texts that double up to `size` letters; stop at the first that takes more than `seconds`. Returns the time and its text's begin."""
    source, is_bytes = pattern.pattern, isinstance(pattern.pattern, bytes)
    written = source.decode("latin-1") if is_bytes else source
    worst, length = (0.0, ""), min(1_000, size)
    while True:
        for text in attacks(written, pattern.flags & ~re.UNICODE if is_bytes else pattern.flags, length):
            subject: Any = text.encode("latin-1", "replace") if is_bytes else text
            started = time.process_time()
            for _ in pattern.finditer(subject):
                pass
            worst = max(worst, (time.process_time() - started, f"{text[:60]!r} of {length}"))
            if worst[0] > seconds:
                return worst
        if length >= size:
            return worst
        length = min(size, length * 4)

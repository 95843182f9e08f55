"""Public ids: a prefix that names the noun and the row's number in Crockford's base 32, such as `cmp_0d2hm5z8k9f3w`.

The numbers are made by the database function `posthouse_id()` (time-ordered); see `migrations/versions/0001_platform.py`.
"""

from __future__ import annotations

from posthouse.platform.errors import missing

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 13  # 13 * 5 bits hold a positive bigint
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_MAX = 2**63 - 1


def encode(prefix: str, number: int) -> str:
    """Return the public form of a row's number."""
    letters = [ALPHABET[(number >> (5 * place)) & 31] for place in range(LENGTH - 1, -1, -1)]
    return f"{prefix}_{''.join(letters)}"


def decode(prefix: str, text: str) -> int:
    """Return the row's number of a public id.

    Raises: Missing when the text is not an id of that kind, just as for an id that is not there.
    """
    head, _, body = text.partition("_")
    if head != prefix or len(body) != LENGTH or any(letter not in _VALUES for letter in body):
        raise missing("object")
    number = 0
    for letter in body:
        number = number * 32 + _VALUES[letter]
    if number > _MAX:
        raise missing("object")
    return number

"""Stripe's form encoding: `items[0][price]=price_1` becomes nested objects and lists.

Bounded in depth and number, strict in shape: a key that is two things at once is refused, not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from posthouse.billing.double.problems import Problem, invalid

MAX_PAIRS = 1000
MAX_DEPTH = 8
_KEY = re.compile(r"(?P<name>[A-Za-z0-9_.\-]+)(?P<rest>(?:\[[^\[\]]*\])*)")


def parse(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the nested parameters of decoded form pairs.

    `a[]` appends, `a[0]` places; an object whose keys are 0, 1, 2 … is a list. Raises: Problem (400) for anything else than this.
    """
    found: dict[str, Any] = {}
    for number, (key, value) in enumerate(pairs):
        if number >= MAX_PAIRS:
            raise invalid(f"Too many parameters: at most {MAX_PAIRS}.")
        _place(found, _path(key), value, key)
    return {name: _settle(value) for name, value in found.items()}


def _path(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise _malformed(key)
    path = [match["name"], *re.findall(r"\[([^\[\]]*)\]", match["rest"])]
    if len(path) > MAX_DEPTH or "" in path[1:-1]:
        raise _malformed(key)
    return path


def _place(found: dict[str, Any], path: list[str], value: str, key: str) -> None:
    *parents, last = path
    place = found
    for name in parents:
        place = place.setdefault(name, {})
        if not isinstance(place, dict):
            raise _malformed(key)
    # An empty last part is an append; so are its equals' numbers, for a list is an object with the keys 0, 1, 2 … until it is settled.
    last = last or str(len(place))
    if last in place:
        raise _malformed(key)
    place[last] = value


def _settle(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    settled = {key: _settle(item) for key, item in value.items()}
    if set(settled) == {str(number) for number in range(len(settled))}:
        return [settled[str(number)] for number in range(len(settled))]
    return settled


def _malformed(key: str) -> Problem:
    return invalid(f"Invalid parameter name: {key[:100]}", param=key[:100], code="parameter_unknown")

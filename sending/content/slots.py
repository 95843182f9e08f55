"""The personal places of a part, the usual kind (`{{ first_name | default: "friend" }}`) made quick.

python-liquid fills such a place in 20 µs, most of it for a context that a plain look-up does not need. A place qualifies
when its value is a path of names and its filters take literals only; then the same filters are called directly. Whatever
else, and every place of a part that assigns variables, goes through python-liquid. A test compares both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined
from markupsafe import Markup

from posthouse.sending.content import encoding
from posthouse.sending.content.language import LetterEnvironment
from posthouse.sending.content.rendering import TemplateFailed

_PLAIN = re.compile(r"[^&<>'\"\r]+")  # nothing to be escaped, and no line end to be written otherwise
_MISSING = Undefined("")
KEPT_VALUES = 1_024  # of each place
KEPT_CHARACTERS = 100
_MAGIC = frozenset({"size", "first", "last"})  # python-liquid gives these a meaning of their own
_OF_LIQUID = frozenset({"now", "today"})


class Quick:
    """Fills one place: called it gives the text, `encoded` gives it as a part of the body needs it. Raises: TemplateFailed."""

    def __init__(self, path: list[str], finish: Callable[[Any], str]) -> None:
        self.name, *self._rest = path
        self._finish = finish
        # A list has far fewer cities, plans and first names than people, and what is made of a text depends on nothing else.
        self._kept = lru_cache(KEPT_VALUES)(finish)
        self._kept_encoded = lru_cache(KEPT_VALUES)(self._encode)

    def __call__(self, names: Mapping[str, object]) -> str:
        value = self._value(names) if self._rest else names.get(self.name, _MISSING)
        return self._kept(value) if type(value) is str and len(value) <= KEPT_CHARACTERS else self._finish(value)

    def encoded(self, names: Mapping[str, object]) -> bytes:
        """Return what stands there in quoted-printable."""
        value = self._value(names) if self._rest else names.get(self.name, _MISSING)
        return self._kept_encoded(value) if type(value) is str and len(value) <= KEPT_CHARACTERS else self._encode(value)

    def _encode(self, value: Any) -> bytes:
        return encoding.encode_value(self._finish(value))

    def _value(self, names: Mapping[str, object]) -> Any:
        value: Any = names.get(self.name, _MISSING)
        for name in self._rest:
            value = value.get(name, _MISSING) if isinstance(value, Mapping) else _MISSING
        return value


def quick(node: Node, environment: LetterEnvironment) -> Quick | None:
    """Return a function that fills in this node, or None where it needs python-liquid."""
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    left = node.expression.left
    if (
        not isinstance(left, Path)
        or not all(isinstance(name, str) and name not in _MAGIC for name in left.path)
        or left.path[0] in _OF_LIQUID
    ):
        return None
    steps = [_step(called, environment) for called in node.expression.filters or []]
    if any(step is None for step in steps):
        return None
    finish = _finisher([step for step in steps if step], autoescape=environment.autoescape)
    called = [one.name for one in node.expression.filters or []]
    return Quick([str(name) for name in left.path], _unless_plain(finish) if set(called) <= {"default"} else finish)


def _step(called: Any, environment: LetterEnvironment) -> Callable[[Any], Any] | None:
    function = environment.filters.get(called.name)
    literals = [_literal(argument, autoescape=environment.autoescape) for argument in called.args]
    if function is None or None in literals or getattr(function, "with_context", False) or getattr(function, "with_environment", False):
        return None
    return lambda value: function(value, *literals)


def _literal(argument: Any, *, autoescape: bool) -> Any:
    if not isinstance(argument, PositionalArgument) or not isinstance(argument.value, StringLiteral | IntegerLiteral | FloatLiteral):
        return None
    value = argument.value.value
    # As python-liquid does it: what the author wrote is safe, what the contact holds is not.
    return Markup(value) if autoescape and isinstance(value, str) else value  # noqa: S704


def _finisher(steps: list[Callable[[Any], Any]], *, autoescape: bool) -> Callable[[Any], str]:
    def finish(value: Any) -> str:
        try:
            for step in steps:
                value = step(value)
        except LiquidError as error:
            raise TemplateFailed(str(error.message), limit="more than" in str(error.message)) from error
        return _one_line_end(to_liquid_string(value, autoescape))

    return finish


def _unless_plain(finish: Callable[[Any], str]) -> Callable[[Any], str]:
    """Leave alone what neither a fallback nor escaping would change: nearly every value of a contact."""

    def finish_rest(value: Any) -> str:
        plain = type(value) is str and len(value) <= KEPT_CHARACTERS and _PLAIN.fullmatch(value) and not value.isspace()
        return value if plain else finish(value)

    return finish_rest


def _one_line_end(text: str) -> str:
    """Turn CRLF and a bare CR into LF, as the buffer does into which python-liquid writes."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

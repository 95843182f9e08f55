"""The filters that a letter may use, each with a ceiling on what it takes and gives.

python-liquid's own limits count loop turns and output, not what a filter builds in between: `(1..50000000) | join` took
1 GiB there, chained `replace` all the memory. Here every argument and every result is measured, and the few filters whose
result can be much larger than their input are reckoned before they run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from liquid import Environment
from liquid.exceptions import FilterArgumentError

MAX_CHARACTERS = 100_000
MAX_ITEMS = 10_000
MAX_NUMBER = 10**15
# strftime takes a width ("%999999999d") that it pads to: only plain directives are let through.
_DATE_FORMAT = re.compile(r"(?:[^%]|%[-_0^#]?[A-Za-z%])*", re.DOTALL)

ALLOWED = (
    "abs", "append", "at_least", "at_most", "capitalize", "ceil", "compact", "concat", "date", "default", "divided_by", "downcase",
    "escape", "escape_once", "first", "floor", "join", "last", "lstrip", "map", "minus", "modulo", "newline_to_br", "plus", "prepend",
    "remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last", "reverse", "round", "rstrip", "size", "slice",
    "sort", "sort_natural", "split", "squish", "strip", "strip_html", "strip_newlines", "sum", "times", "truncate", "truncatewords",
    "uniq", "upcase", "url_encode", "where",
)  # fmt: skip


def allow_listed(env: Environment) -> dict[str, Callable[..., Any]]:
    """Return the allowed filters of an environment, each under its ceiling."""
    return {name: _limited(name, env.filters[name]) for name in ALLOWED}


def _limited(name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(inner)
    def outer(value: Any, *args: Any, **kwargs: Any) -> Any:
        for part in (value, *args):
            _measure(name, part)
        if name in {"replace", "join", "map"}:
            _reckon(name, value, args)
        if name == "date" and args and not _DATE_FORMAT.fullmatch(str(args[0])):
            raise FilterArgumentError("date: the format may hold plain % letters only", token=None)
        try:
            result = inner(value, *args, **kwargs)
        except (ArithmeticError, ValueError, LookupError, AttributeError) as error:
            raise FilterArgumentError(f"{name}: {error}", token=None) from error
        _measure(name, result)
        return result

    return outer


def _measure(name: str, value: Any) -> None:
    if isinstance(value, str):
        if len(value) > MAX_CHARACTERS:
            raise FilterArgumentError(f"{name}: a text of more than {MAX_CHARACTERS} characters", token=None)
    elif isinstance(value, range | list | tuple | dict):
        if len(value) > MAX_ITEMS:
            raise FilterArgumentError(f"{name}: more than {MAX_ITEMS} items", token=None)
    elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise FilterArgumentError(f"{name}: a number beyond {MAX_NUMBER}", token=None)


def _reckon(name: str, value: Any, args: tuple[Any, ...]) -> None:
    if name == "replace" and len(args) > 1:
        text, old, new = str(value), str(args[0]), str(args[1])
        grown = len(text) + (text.count(old) if old else len(text) + 1) * len(new)
    elif name == "join" and not isinstance(value, str):
        items = list(value) if isinstance(value, range | list | tuple) else []
        grown = sum(len(str(item)) for item in items) + len(items) * len(str(args[0]) if args else " ")
    else:
        return
    if grown > MAX_CHARACTERS:
        raise FilterArgumentError(f"{name}: the result would have more than {MAX_CHARACTERS} characters", token=None)

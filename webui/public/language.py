"""The words of recipients' pages in their own language: data in `words/`, one file a language, all with the same names.

A recipient's browser says what they read (RFC 9110 12.5.4); where it says nothing that is there, the sender's language is taken.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel import Locale
from flask import request

FOLDER = Path(__file__).parent / "words"
PLAIN = "en"
# Codes that browsers use for what stands here under another one.
_SAME = {"no": "nb", "nn": "nb"}


class Words:
    """What a page says in one language: `{{ words('ask_text', sender=…) }}` in a template, which escapes it as any text."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, name: str, **values: str) -> str:
        """Return a text with its values, whatever stands in them. Raises: KeyError for a name that is not there."""
        return self._texts[name].format(**values)


@cache
def languages() -> Mapping[str, Mapping[str, str]]:
    """Return the texts of every language by its code."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


@cache
def offered() -> tuple[tuple[str, str], ...]:
    """Return every language by its code and its own name, in the order of the names."""
    named = [(code, Locale.parse(code).get_display_name() or code) for code in languages()]
    return tuple(sorted(((code, name[:1].upper() + name[1:]) for code, name in named), key=lambda pair: pair[1]))


def chosen(sender: str = PLAIN) -> Words:
    """Return the words for the present visitor; `sender` is the language of who wrote to them."""
    known = languages()
    for wanted, weight in request.accept_languages:
        code = _code(wanted)
        if weight > 0 and code in known:
            return Words(code, known[code])
    code = _code(sender)
    return Words(code, known[code]) if code in known else Words(PLAIN, known[PLAIN])


def _code(tag: str) -> str:
    """The language of a tag such as pt-BR (RFC 5646)."""
    code = tag.replace("_", "-").partition("-")[0].lower()
    return _SAME.get(code, code)

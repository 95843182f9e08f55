"""A letter to begin with, so that nobody faces an empty page."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent.parent / "templates" / "starters"
_GREETING = "Hello {{ first_name | default: 'there' }},"


@lru_cache(maxsize=4)
def _read(name: str) -> str:
    return (_FOLDER / name).read_text()


def letter(fields: set[str]) -> str:
    """Return the starter; it greets by name only where there is such a field."""
    return _read("plain.mjml").replace("GREETING", _GREETING if "first_name" in fields else "Hello,")

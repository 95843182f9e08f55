"""The reference of all settings, made from their declarations."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from posthouse.platform.settings import PREFIX, Settings


@dataclass(frozen=True, slots=True)
class Described:
    """One setting as the reference page shows it."""

    name: str
    type: str
    unit: str
    default: str
    sentence: str


def _shown(default: Any) -> str:
    return {True: "yes", False: "no"}[default] if isinstance(default, bool) else str(default)


def describe() -> list[Described]:
    """List all settings in the order of declaration."""
    return [
        Described(
            PREFIX + f.name.upper(),
            {"str": "text", "int": "whole number", "float": "number", "bool": "yes or no", "Path": "path"}[str(f.type)],
            f.metadata["unit"],
            _shown(f.default),
            f.metadata["sentence"],
        )
        for f in fields(Settings)
    ]


def reference_page() -> str:
    """Return the reference of all settings in Markdown."""
    rows = [
        f"| `{one.name}` | {one.type} | {one.unit or '–'} | {f'`{one.default}`' if one.default else 'none'} | {one.sentence} |"
        for one in describe()
    ]
    return _PAGE + "\n".join(rows) + "\n"


_PAGE = """# Settings

Made from `platform/settings.py` by `posthouse settings --markdown`; a test holds the two together.

Every setting is a variable of the environment, read once when a process starts. One that is unknown or does not fit stops
the start with exit status 2, its name and the reason.

| name | type | unit | default | meaning |
|---|---|---|---|---|
"""

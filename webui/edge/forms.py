"""Reads what forms send, in the few shapes that pages use."""

from __future__ import annotations

from flask import request

from posthouse.platform import ids
from posthouse.platform.errors import Invalid, Missing

TEXT_LENGTH = 2_500_000


def text(name: str) -> str:
    """Return a field's text, empty where it was not sent. Line ends are those of the sender."""
    return request.form.get(name, "")[:TEXT_LENGTH]


def flag(name: str) -> bool:
    """Say whether a box was ticked."""
    return name in request.form


def chosen_id(name: str, prefix: str, *, label: str) -> int | None:
    """Return the row's number of a public id in a field, None where nothing was chosen. Raises: Invalid."""
    given = text(name).strip()
    if not given:
        return None
    try:
        return ids.decode(prefix, given)
    except Missing:
        raise Invalid("choice_unknown", f"Choose {label} from the list.", field=name) from None


def number(name: str, *, least: int, most: int, label: str) -> int | None:
    """Return a whole number, None where the field is empty. Raises: Invalid."""
    given = text(name).strip().replace(",", "").replace(" ", "")
    if not given:
        return None
    if not (given.isascii() and given.lstrip("-").isdigit()) or len(given) > 18 or not least <= int(given) <= most:
        raise Invalid("number_invalid", f"{label} is a whole number from {least:,} to {most:,}.", field=name)
    return int(given)


def cursor(name: str = "before") -> int | None:
    """Return where a page of a list goes on, None for its beginning or a text that is no such place."""
    given = request.args.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None

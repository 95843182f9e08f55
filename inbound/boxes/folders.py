"""Folder names as IMAP writes them: modified UTF-7 (RFC 3501 5.1.3). Pure."""

from __future__ import annotations

import base64
import itertools


def encode(name: str) -> str:
    """Write a name for the server; a name of plain letters without & stays as it is."""
    return "".join(
        "".join(run).replace("&", "&-") if plain else _shifted("".join(run)) for plain, run in itertools.groupby(name, key=_is_plain)
    )


def _is_plain(letter: str) -> bool:
    return " " <= letter <= "~"


def _shifted(letters: str) -> str:
    # Base64 of UTF-16, with a comma for the slash, since that divides folders, and without padding.
    coded = base64.b64encode(letters.encode("utf-16-be")).decode("ascii")
    return f"&{coded.rstrip('=').replace('/', ',')}-"

"""Tell whether text names an address, or only one that ends or begins like it; pure."""

from __future__ import annotations

import re

# What may stand right before an address and be no letter of it: the end of an escape, in a URL (`%3c`), in JSON (`\n`, `\u003c`), and of a
# byte as PostgreSQL writes it (`\303`).
_ESCAPES = (r"%[0-9a-f]{2}", r"\\[nrtbf]", r"\\u[0-9a-f]{4}", r"\\[0-7]{3}")
_BEFORE = "|".join([r"(?<![a-z0-9._+-])", *(rf"(?<={one})" for one in _ESCAPES)])
_AFTER = r"(?![a-z0-9_-]|\.[a-z0-9])"


def naming_pattern(address: str) -> str:
    """Return PostgreSQL's pattern for text in small letters that names this address.

    `e@shop.example` is not named by `joe@shop.example`, nor by `e@shop.example.org`.
    """
    return f"(?:{_BEFORE})" + re.sub(r"([^\w@])", r"\\\1", address.lower()) + _AFTER

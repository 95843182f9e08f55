"""Puts places for a recipient's token into finished HTML: tracked links and the open pixel, where the program asked for them. Pure.

A place is NUL, what it is, and a semicolon: no mail may hold a NUL, so no content can look like one. What stands around it is
quoted-printable that breaks softly on both sides, so that the same bytes follow whatever token is put in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from posthouse.sending.content import encoding
from posthouse.sending.content.links import MAX_LINKS, numbered
from posthouse.sending.mime.entity import Entity, decoded

PLACE = re.compile(rb"\x00([oc])(\d*);")
MOST_HTML_BYTES = 2_000_000
_OUR_PLACE = re.compile("\ue000([oc])([0-9]*);")
_PIXEL = '<img src="\ue000o;" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


@dataclass(slots=True)
class Tracker:
    """Changes the HTML parts of one message; `targets` are the links of all of them by number."""

    track: frozenset[str]
    targets: list[str] = field(default_factory=list)

    def touch(self, leaf: Entity) -> Entity:
        """Return an HTML part with its places; any other part, and one that can't be read, as it is."""
        if leaf.kind != "text/html" or leaf.attached or len(leaf.body) > MOST_HTML_BYTES:
            return leaf
        try:
            text = decoded(leaf).decode(leaf.charset if leaf.charset != "us-ascii" else "utf-8")
        except (ValueError, LookupError):
            return leaf
        if "\ue000" in text or len(self.targets) >= MAX_LINKS:
            return leaf
        made = self._marked(text)
        body = b"".join(_pieces(made))
        return leaf.replaced(body, content_type="text/html; charset=utf-8", content_transfer_encoding="quoted-printable")

    def _marked(self, text: str) -> str:
        if "clicks" in self.track:
            first = len(self.targets)
            text, found = numbered(text, lambda number: f"\ue000c{first + number};")
            self.targets += found
        if "opens" in self.track:
            ends = list(_BODY_END.finditer(text))
            at = ends[-1].start() if ends else len(text)
            text = text[:at] + _PIXEL + text[at:]
        return text


def _pieces(text: str) -> list[bytes]:
    pieces, place = [], 0
    for found in _OUR_PLACE.finditer(text):
        pieces += [encoding.encode(text[place : found.start()]), b"\x00" + found[1].encode() + found[2].encode() + b";"]
        place = found.end()
    rest = text[place:]
    return [*pieces, encoding.encode(rest if rest.endswith("\n") else rest + "\n")]

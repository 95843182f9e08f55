"""The addresses in messages, read back: which token, which link of which revision. Pure.

    /t/o/<token>                    the open pixel
    /t/c/<token>/<revision>-<link>  a link; revision in base 36
    /t/u/<token>                    the unsubscribe page and one-click POST
    /t/p/<token>                    the preference page

The revision stands beside the token and is not under its MAC: it only names one of the same tenant's own revisions, whose
targets are stored, so the worst that a forger reaches is another page that the tenant links to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from posthouse.sending.content.links import MAX_LINKS
from posthouse.sending.tokens import Mint, TokenClaims

PREFIX = "/t/"
# A transparent picture of one pixel (GIF89a).
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_PATH = re.compile(r"/t/(?P<kind>[ocup])/(?P<token>[A-Za-z0-9_-]{36})(?:/(?P<revision>[0-9a-z]{1,13})-(?P<link>0|[1-9][0-9]{0,2}))?")
_KINDS = {"o": "open", "c": "click", "u": "unsubscribe", "p": "preferences"}


@dataclass(frozen=True, slots=True)
class Visit:
    """What a genuine address of ours asks for. `revision_id` and `link` are None but for a click."""

    kind: str
    token: str
    claims: TokenClaims
    revision_id: int | None
    link: int | None


def read(mint: Mint, path: str) -> Visit | None:
    """Read a request's path; None for anything that is not, byte for byte, an address that we made."""
    found = _PATH.fullmatch(path)
    if found is None or (found["kind"] == "c") is not (found["link"] is not None):
        return None
    claims = mint.read(found["token"])
    if claims is None:
        return None
    revision_id = int(found["revision"], 36) if found["revision"] else None
    link = int(found["link"]) if found["link"] else None
    if (revision_id is not None and revision_id > 2**63 - 1) or (link is not None and link >= MAX_LINKS):
        return None
    return Visit(_KINDS[found["kind"]], found["token"], claims, revision_id, link)

"""Tells persons from machines among opens and clicks. Pure; every rule has a name that is kept with the event.

Privacy proxies fetch every picture, scanners follow every link, soon after delivery. Their visits are kept and marked,
never added to people's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

# So many different links of one message within so short a time are not chosen by a person.
MANY_LINKS = 4
MANY_LINKS_WITHIN = timedelta(seconds=5)

# Programs that fetch on a person's behalf, before or without the person (seen in User-Agent, lower case).
_PREFETCH = re.compile(r"googleimageproxy|yahoomailproxy|cloudfront|wp\.pl image|applebot|mozilla/5\.0$")
_SCANNER = re.compile(
    r"barracuda|proofpoint|mimecast|symantec|safelinks|trendmicro|fireeye|forcepoint|ironport|sophos|messagelabs|"
    r"bot\b|crawler|spider|scanner|preview|headless|phantomjs|python-|curl/|wget/|go-http-client|java/|okhttp|libwww|axios|node-fetch|http_?client"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is known of a visit when it comes. `prefetch` is a Sec-Purpose, Purpose or X-Moz header that says so."""

    method: str = "GET"
    user_agent: str = ""
    prefetch: str = ""
    ranged: bool = False


def machine_by_request(request: Request) -> str:
    """Return the name of the rule by which a visit is a machine's, as far as the request itself tells; empty for a person's."""
    agent = request.user_agent.strip().lower()
    signs = (
        ("not_get", request.method != "GET"),
        ("prefetch", any(word in request.prefetch.lower() for word in ("prefetch", "preview"))),
        ("range", request.ranged),
        ("no_agent", not agent),
        ("image_proxy", _PREFETCH.search(agent) is not None),
        ("scanner", _SCANNER.search(agent) is not None),
    )
    return next((name for name, seen in signs if seen), "")


def bursts(clicks: list[tuple[int, datetime]]) -> bool:
    """Say whether one message's clicks, as (link, time), follow so many links at once that a scanner made them."""
    ordered = sorted(clicks, key=lambda click: click[1])
    for place, (_, start) in enumerate(ordered):
        within = {link for link, at in ordered[place:] if at - start <= MANY_LINKS_WITHIN}
        if len(within) >= MANY_LINKS:
            return True
    return False

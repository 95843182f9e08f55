"""From where a request comes: the peer's address, or what a proxy that we believe says about it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

UNKNOWN = "unknown"


def address(environ: Mapping[str, object], proxies: frozenset[str]) -> str:
    """Return the caller's address.

    X-Forwarded-For counts only when the peer is one of our proxies, and then only its last entry, which that proxy wrote.
    """
    peer = str(environ.get("REMOTE_ADDR", ""))
    if peer in proxies:
        forwarded = str(environ.get("HTTP_X_FORWARDED_FOR", ""))[-200:].rsplit(",", 1)[-1].strip()
        return _known(forwarded) or _known(peer) or UNKNOWN
    return _known(peer) or UNKNOWN


def proxies(setting: str) -> frozenset[str]:
    """Read the setting that lists our proxies."""
    return frozenset(filter(None, (part.strip() for part in setting.split(","))))


def _known(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None

"""Which host names we answer to, and whose they are. An unknown one gets 421 and never appears in a link."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

KEPT_SECONDS = 30.0
KEPT_MOST = 2000


@dataclass(slots=True)
class HostBook:
    """Remembers for a short time whose a host is. `own` are the installation's own names, which belong to no reseller."""

    own: frozenset[str]
    _kept: dict[str, tuple[float, int | None]] = field(default_factory=dict)

    def remembered(self, host: str) -> tuple[bool, int | None]:
        """Say whether the host was looked up lately, and whose it is (None: nobody's)."""
        at, reseller_id = self._kept.get(host, (0.0, None))
        return at > time.monotonic(), reseller_id

    def remember(self, host: str, reseller_id: int | None) -> None:
        """Keep an answer for a short time; the book never grows without bound."""
        if len(self._kept) >= KEPT_MOST:
            self._kept.clear()
        self._kept[host] = (time.monotonic() + KEPT_SECONDS, reseller_id)


def own_hosts(public_url: str) -> frozenset[str]:
    """Return the names of the installation itself; on this machine `localhost` and its address are one."""
    host = (urlsplit(public_url).hostname or "").lower()
    loopback = {"127.0.0.1", "localhost", "::1"}
    return frozenset(loopback | {host}) if host in loopback else frozenset({host})


def read_host(header: str) -> str | None:
    """Return the host of a Host header in lower case without its port; None for anything that is not plainly one."""
    if not header or len(header) > 260 or any(letter in header for letter in "@/\\ ,\t\r\n%#?"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if not host or not host.isascii() or host.endswith("."):
        return None
    return host

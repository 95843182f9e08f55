"""Which addresses a webhook may go to; pure. What is not plainly the public internet is refused (IANA's special-purpose registries).

Not Python's `is_global`: version 3.11 takes several addresses for global that are not, or that hold another one inside.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_V4_DENIED = tuple(
    IPv4Network(one)
    for one in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only global unicast is let through at all, so that mapped, translated and local forms of IPv4 stay outside.
_V6_PUBLIC = IPv6Network("2000::/3")
_V6_DENIED = tuple(IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))


def is_public(text: str) -> bool:
    """Say whether an address as a resolver gives it is on the public internet; what is no address is not."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return _public_v4(address) if isinstance(address, IPv4Address) else _public_v6(address)


def _public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _V4_DENIED)


def _public_v6(address: IPv6Address) -> bool:
    return address in _V6_PUBLIC and not any(address in network for network in _V6_DENIED)

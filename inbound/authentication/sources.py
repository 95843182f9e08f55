"""Decide whether a complaint comes from a listed source: only those may stop a tenant automatically (H3)."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from posthouse.inbound.authentication.cards import Check, Result
from posthouse.inbound.parsing.headers import addresses
from posthouse.inbound.spool.files import Envelope

PROVEN_WAYS = frozenset({"hook"})
"""A provider's post was proved by the provider's own method before it was kept."""
_BY = ("dkim", "spf")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@cache
def shipped() -> frozenset[str]:
    """Addresses and domains of the mailbox providers' feedback loops that ship with the product."""
    raw = tomllib.loads((files(__package__) / "sources.toml").read_text("utf-8"))
    return frozenset(name.lower() for names in raw["sources"].values() for name in names)


@dataclass(frozen=True, slots=True)
class Sources:
    """Addresses and domains whose complaints count, and the networks from which every complaint does."""

    names: frozenset[str] = field(default_factory=shipped)
    networks: tuple[Network, ...] = ()

    def lists(self, envelope: Envelope, author: str, checks: Sequence[Check]) -> bool:
        """Is a report from a listed source, and is that proven? `author` is the text of its From field (RFC 5322 3.6.2)."""
        return envelope.way in PROVEN_WAYS or self._is_near(envelope.peer) or self._is_proven(author, checks)

    def _is_near(self, peer: str) -> bool:
        # A TCP connection's other end can't be made up by who wants an answer.
        if not self.networks:
            return False
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self.networks)

    def _is_proven(self, author: str, checks: Sequence[Check]) -> bool:
        found = [one.lower() for one in addresses(author)]
        if len(found) != 1:
            return False
        domain = found[0].rpartition("@")[2]
        if found[0] not in self.names and not any(parent in self.names for parent in _and_parents(domain)):
            return False
        return any(one.method in _BY and one.result is Result.PASS and _aligned(one.of.lower(), domain) for one in checks)


def of_house(setting: str) -> Sources:
    """The sources that ship, and those of the setting, whose form was checked before: addresses, domains, IP addresses, networks."""
    names, networks = set(shipped()), []
    for entry in filter(None, (one.strip().lower() for one in setting.split(","))):
        if _is_network(entry):
            networks.append(ipaddress.ip_network(entry, strict=False))
        else:
            names.add(entry)
    return Sources(frozenset(names), tuple(networks))


def _is_network(entry: str) -> bool:
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
    return True


def _and_parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def _aligned(proven: str, domain: str) -> bool:
    # A signature of the parent speaks for its subdomains (relaxed alignment, RFC 7489 3.1.1); two labels at least, so no public suffix alone.
    return proven == domain or ("." in proven and domain.endswith("." + proven)) or proven.endswith("." + domain)

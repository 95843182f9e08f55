"""Asks DNS, and tells a record that is not there from a name server that gives no answer."""

from __future__ import annotations

from typing import Protocol

import dns.exception
import dns.inet
import dns.name
import dns.rdata
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from posthouse.platform.settings import WrongSetting
from posthouse.sending.domains.rules import Answer

LIFETIME_SECONDS = 5.0
MAX_CHAIN = 8  # CNAMEs that are followed
MAX_VALUES = 20
MAX_VALUE_CHARACTERS = 4096


class Resolver(Protocol):
    """The port to DNS."""

    def ask(self, name: str, type_: str) -> Answer:
        """Return what DNS says of a name; never raises for what DNS may do."""


class DnsResolver:
    """Asks the given name servers, or the system's."""

    def __init__(self, servers: str = "", *, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = lifetime_seconds
        if servers:
            pairs = [_server(part) for part in servers.split(",") if part.strip()]
            self._resolver.nameservers = [host for host, _ in pairs]
            self._resolver.nameserver_ports = dict(pairs)

    def ask(self, name: str, type_: str) -> Answer:
        """Return the values of a name's records of a type; for CNAME the chain's hosts, for TXT each record's joined strings."""
        try:
            if type_ == "CNAME":
                return self._pointers(name)
            found = self._resolver.resolve(name, type_, search=False, raise_on_no_answer=True)
            return Answer(tuple(_text(record) for record in list(found)[:MAX_VALUES]))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return Answer()
        except (dns.exception.DNSException, OSError, UnicodeError):
            # Time-outs, SERVFAIL, lame servers, garbled answers: nothing is known.
            return Answer(failed=True)

    def _pointers(self, name: str) -> Answer:
        hosts: list[str] = []
        at = name
        for _ in range(MAX_CHAIN):
            try:
                found = self._resolver.resolve(at, "CNAME", search=False)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                break
            at = found[0].target.to_text(omit_final_dot=True)
            if at in hosts:
                break
            hosts.append(at)
        return Answer(tuple(hosts))


def _text(record: dns.rdata.Rdata) -> str:
    if isinstance(record, TXT):
        return b"".join(record.strings).decode("utf-8", "replace")[:MAX_VALUE_CHARACTERS]
    return record.to_text()[:MAX_VALUE_CHARACTERS]


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":") if text.count(":") == 1 else (text.strip(), "", "53")
    if not port.isdigit() or not dns.inet.is_address(host):
        raise WrongSetting(f"POSTHOUSE_DNS_SERVERS: {text.strip()!r} is not an IP address, or one with :PORT.")
    return host, int(port)

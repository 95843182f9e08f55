"""Find the public keys of signatures in the DNS, as a receiver does."""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rdatatype


class KeyFinder:
    """Ask one name server for TXT records, remembering what was found (not what was missing)."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._known: dict[bytes, bytes] = {}

    def __call__(self, name: bytes, timeout: float = 5.0) -> bytes | None:
        """Return the TXT record's strings joined, or None."""
        found = self._known.get(name)
        if found is None:
            found = self._ask(name.decode("ascii", "replace"), timeout)
            if found is not None:
                self._known[name] = found
        return found

    def _ask(self, name: str, timeout_seconds: float) -> bytes | None:
        query = dns.message.make_query(name, dns.rdatatype.TXT, use_edns=0, payload=4096)
        host, port = self._server
        try:
            answer, _tcp = dns.query.udp_with_fallback(query, host, timeout=timeout_seconds, port=port)
        except (dns.exception.DNSException, OSError):
            return None
        for records in answer.answer:
            if records.rdtype == dns.rdatatype.TXT:
                return b"".join(records[0].strings)
        return None

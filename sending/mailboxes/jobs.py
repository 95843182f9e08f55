"""Asks DNS which servers take the mail of domains that no group names: away from the claims, and once a month each."""

from __future__ import annotations

from posthouse.platform import clock
from posthouse.platform.app import settings
from posthouse.platform.db import transaction
from posthouse.platform.scope import Scope
from posthouse.sending.domains.dns import DnsResolver, Resolver
from posthouse.sending.mailboxes import services

LEARN_JOB = "sending.learn_mailboxes"
MOST = 200
# One run takes at most so long: what is left comes next time.
PATIENCE_SECONDS = 20.0


def learn_mailboxes(scope: Scope) -> None:
    """Ask for the servers of up to 200 domains. May be repeated."""
    learn_with(scope, DnsResolver(settings().dns_servers))


def learn_with(scope: Scope, resolver: Resolver) -> None:
    """Ask the given resolver, outside any transaction."""
    with transaction(scope):
        domains = services.unlearnt(scope, most=MOST)
    end = clock.monotonic() + PATIENCE_SECONDS
    learnt = {}
    for domain in domains:
        if clock.monotonic() >= end:
            break
        answer = resolver.ask(domain, "MX")
        # A domain whose name servers are dead would be asked for ever: it counts as nobody's, for a month.
        learnt[domain] = _first(answer.values)
    if learnt:
        with transaction(scope):
            services.keep(scope, learnt)


def _first(records: tuple[str, ...]) -> str:
    """Return the name of the server that is preferred (RFC 5321 section 5.1: the lowest number)."""
    found = []
    for record in records:
        preference, _, host = record.partition(" ")
        if preference.isdigit() and host.strip(". "):
            found.append((int(preference), host.strip(". ").lower()))
    return min(found)[1] if found else ""

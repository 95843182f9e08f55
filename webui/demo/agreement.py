"""Compare what the database says with what the mailboxes counted; neither knows of the other's figures. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posthouse.sending.domains.rules import return_path_host
from posthouse.webui.demo.figures import Account

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One figure that two sides give differently."""

    tenant: str
    what: str
    ours: int
    theirs: int

    def __str__(self) -> str:
        return f"{self.tenant}: {self.what}: the database says {self.ours:,}, the other side {self.theirs:,}"


def disagreements(accounts: Sequence[tuple[str, Account]], state: Mapping[str, Any]) -> list[Disagreement]:
    """Compare all tenants, given as (sending domain, account), with the simulator's state; an empty list is what is hoped for."""
    found = [one for domain, account in accounts for one in _of_tenant(domain, account, state["senders"]) if one.ours != one.theirs]
    totals: Counts = state["totals"]
    sent = sum(account.figures.sent for _, account in accounts)
    whole = [
        Disagreement("all", "sent", sent, totals["accepted"]),
        Disagreement("all", "sent with a valid signature", sent, totals["dkim_pass"]),
        Disagreement("all", "sent with a broken signature", 0, totals["dkim_fail"]),
        Disagreement("all", "sent twice", 0, totals["duplicates"]),
        Disagreement("all", "reactions that could not be handed in", 0, totals["failures"]),
    ]
    return found + [one for one in whole if one.ours != one.theirs]


def _of_tenant(domain: str, account: Account, senders: Mapping[str, Counts]) -> Iterator[Disagreement]:
    theirs = senders.get(domain, {})
    refused = senders.get(return_path_host(domain), {}).get("refused", 0)  # said before From is known
    ours = account.figures
    for what, mine, other in (
        ("sent", ours.sent, theirs.get("accepted", 0)),
        ("refused at once", account.rejected, refused),
        ("sent back later", account.returned, theirs.get("bounces", 0)),
        ("complaints", ours.complaints, theirs.get("complaints", 0)),
        ("unsubscribed", ours.unsubscribed, theirs.get("unsubscribes", 0)),
        ("opened", ours.opens, theirs.get("opens", 0)),
        ("clicked", ours.clicks, theirs.get("clicks", 0)),
        # Against ourselves: the quota's ledger, the roll-ups that pages show, and every contact in one place.
        ("used of the quota", account.used, ours.sent + ours.unknown),
        ("sent as pages show it", account.rolled_up, ours.sent),
        ("recipients", account.recipients, ours.delivered + ours.bounced + ours.deferred + ours.waiting + ours.unknown),
    ):
        yield Disagreement(ours.name, what, mine, other)

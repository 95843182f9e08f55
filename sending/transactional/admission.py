"""What every single message must pass, whichever way it comes: the account, its allowance, the sender's domain, the recipient."""

from __future__ import annotations

from posthouse.platform.app import settings
from posthouse.platform.errors import Conflict, Invalid, LimitReached
from posthouse.platform.scope import Scope
from posthouse.sending.content import headers
from posthouse.sending.content.cards import RenderFailed
from posthouse.sending.content.letters import TRANSACTIONAL
from posthouse.sending.domains.queries import find_verified
from posthouse.sending.errors import domain_not_yours
from posthouse.tenants.accounts.queries import own_tenant
from posthouse.tenants.accounts.rules import may_send
from posthouse.tenants.contacts import addresses
from posthouse.tenants.contacts.addresses import Address
from posthouse.tenants.quotas.queries import used_up
from posthouse.tenants.suppressions.queries import is_suppressed


def check_account(scope: Scope) -> None:
    """Ask whether the account may send anything now.

    Raises: Conflict for its state, LimitReached with `resumes_at` when its own allowance is used up: a receipt that waits for
    the next month is no use to anybody, while a program that hears so can wait, warn or buy.
    """
    tenant = own_tenant(scope)
    if not may_send(tenant.state):
        raise Conflict(
            "tenant_not_active", f"Sending is {tenant.state} for this account. {tenant.state_reason}".strip(), state=tenant.state
        )
    full = used_up(scope)
    if full is not None:
        spell = {"month": "this month", "day": "today", "hour": "this hour"}[full.period]
        raise LimitReached(
            "allowance_used_up",
            f"Your allowance of {full.allowed or 0:,} messages for {spell} is used up. It goes on at {full.resets_at:%Y-%m-%d %H:%M} UTC.",
            resumes_at=full.resets_at,
        )


def read_recipient(text: str) -> Address:
    """Read a recipient's address. Raises: Invalid."""
    to = addresses.parse(text, allow_reserved=settings().allow_reserved_domains)
    if isinstance(to, addresses.AddressRefused):
        raise Invalid(to.code, to.sentence, field="to")
    return to


def check_recipient(scope: Scope, to: Address) -> None:
    """Ask whether the recipient may be written to. Raises: Conflict."""
    if is_suppressed(scope, to.norm, stream=TRANSACTIONAL):
        raise Conflict(
            "recipient_suppressed",
            "This address is suppressed: mail to it bounced for good, or the person asked not to get any.",
            field="to",
        )


def own_sender(scope: Scope, text: str) -> tuple[str, int]:
    """Return a From address and the id of its verified domain. Raises: Invalid, Forbidden."""
    sender = plain_address(text, "from")
    domain = sender.rpartition("@")[2]
    card = find_verified(scope, domain)
    if card is None:
        raise domain_not_yours(domain)
    return sender, card.id


def plain_address(text: str, name: str) -> str:
    """Return one bare address as it is written in headers. Raises: Invalid."""
    try:
        found = headers.address(text)
    except RenderFailed as failed:
        raise Invalid("address_malformed", f"“{name}” must be one plain address. {failed.reason}", field=name) from None
    if found.smtputf8:
        raise Invalid("address_malformed", f"“{name}” must be written in ASCII, so that every mail server can answer to it.", field=name)
    return found.text

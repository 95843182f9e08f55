"""Loads what composes a revision's messages: the compiled letter, its domain with the DKIM key, and the hosts of its links."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from urllib.parse import urlsplit

from posthouse.platform import clock
from posthouse.platform.app import keyring, settings
from posthouse.platform.db import session
from posthouse.platform.errors import missing
from posthouse.platform.scope import Scope
from posthouse.sending import tokens
from posthouse.sending.campaigns.models import CampaignRevision
from posthouse.sending.content.compose import Composer, Sender, base36
from posthouse.sending.content.letters import MARKETING, Compiled
from posthouse.sending.dkim.signer import Signer
from posthouse.sending.domains import rules as domain_rules
from posthouse.sending.domains.models import SendingDomain
from posthouse.sending.errors import domain_not_yours
from posthouse.sending.mime.composing import MimeComposer
from posthouse.sending.mime.letters import load_letter
from posthouse.tenants.accounts.queries import get_profile, host_of_reseller

KEPT = 64
# A domain that was lost, or a host that was verified, is noticed after this.
KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Kept:
    composer: Composer | MimeComposer
    until: float


_kept: OrderedDict[tuple[str, int, int, bool], _Kept] = OrderedDict()
_lock = Lock()


def load(scope: Scope, revision_id: int, *, signing: bool = True) -> Composer | MimeComposer:
    """Return the composer of a revision, in the open transaction of its tenant; kept for a minute per process.

    `signing` False leaves the signatures to a relay. Raises: Missing; Forbidden where the domain is not verified any more.
    """
    found = kept(scope, revision_id, signing=signing)
    if found is not None:
        return found
    composer = _build(scope, revision_id, signing=signing)
    with _lock:
        _kept[_key(scope, revision_id, signing)] = _Kept(composer, clock.monotonic() + KEPT_SECONDS)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return composer


def kept(scope: Scope, revision_id: int, *, signing: bool) -> Composer | MimeComposer | None:
    """Return the composer if this process has it from less than a minute ago; needs no transaction."""
    key = _key(scope, revision_id, signing)
    with _lock:
        found = _kept.get(key)
        if found is None or found.until <= clock.monotonic():
            return None
        _kept.move_to_end(key)
        return found.composer


def _key(scope: Scope, revision_id: int, signing: bool) -> tuple[str, int, int, bool]:  # noqa: FBT001 - part of a key
    return (settings().database_url, scope.tenant, revision_id, signing)


def forget() -> None:
    """Forget every kept composer."""
    with _lock:
        _kept.clear()


def _build(scope: Scope, revision_id: int, *, signing: bool) -> Composer | MimeComposer:
    revision = session(scope).get(CampaignRevision, (scope.tenant, revision_id))
    if revision is None:
        raise missing("revision")
    domain = session(scope).get(SendingDomain, (scope.tenant, revision.domain_id))
    if domain is None or domain.state != domain_rules.State.VERIFIED:
        raise domain_not_yours(revision.from_address.rpartition("@")[2])
    sender, mint = sender_of(scope, revision, domain), tokens.of_house()
    signers = [signer_of(scope, domain)] if signing else []
    if revision.compiled.get("mime"):
        fields, body = load_letter(scope, revision_id)
        return MimeComposer(fields, body, sender, revision_id=revision.id, mint=mint, signers=signers)
    return Composer(Compiled.from_json(revision.compiled), sender, revision_id=revision.id, mint=mint, signers=signers)


def signer_of(scope: Scope, domain: SendingDomain) -> Signer:
    """Return the signer of a domain; opens its sealed key."""
    private = keyring().unseal(domain.dkim_sealed, tenant_id=scope.tenant, table="sending_domain", column="dkim_sealed", row_id=domain.id)
    return Signer(domain=domain.domain, selector=domain.selector, private_der=private)


def sender_of(scope: Scope, revision: CampaignRevision, domain: SendingDomain) -> Sender:
    """Return who writes a revision, and where its answers and clicks go."""
    marketing = revision.stream == MARKETING
    origin = base36(revision.campaign_id) if revision.campaign_id else "single"
    return Sender(
        tenant_id=scope.tenant,
        from_name=revision.from_name,
        from_address=revision.from_address,
        reply_to=revision.reply_to,
        takes_replies=get_profile(scope).replies != "own",
        bounce_host=domain_rules.return_path_host(domain.domain) if domain.return_path_ok else settings().mail_domain,
        link_base=link_base(scope, domain),
        list_id=f"{base36(revision.list_id or 0)}.{domain.domain}" if marketing else "",
        list_name=str(revision.source.get("list_name", "")),
        feedback=(origin, base36(scope.tenant), revision.stream),
        # Gmail wants the same 5 to 15 characters from one sending system; a name would break the white label.
        sender_id=hashlib.sha256(settings().mail_domain.encode()).hexdigest()[:10],
        sender_name=str(revision.source.get("sender_name", "")),
        postal_address=str(revision.source.get("postal_address", "")),
        stream=revision.stream,
    )


def link_base(scope: Scope, domain: SendingDomain | None) -> str:
    """Return where links lead: the domain's own tracking host, else the reseller's web host, else the installation's."""
    public = urlsplit(settings().public_url)
    if domain is not None and domain.tracking_ok:
        return f"https://{domain_rules.tracking_host(domain.domain)}"
    host = host_of_reseller(scope, scope.reseller)
    if host is None:
        return settings().public_url.rstrip("/")
    port = f":{public.port}" if public.port else ""
    return f"{public.scheme}://{host}{port}"

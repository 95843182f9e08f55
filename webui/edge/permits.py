"""All permissions by their constants' names, for templates: `may(perm.WRITE_CONTACTS)`."""

from __future__ import annotations

from types import SimpleNamespace

from posthouse.billing import permissions as billing
from posthouse.inbound import permissions as inbound
from posthouse.platform.permissions import Permission
from posthouse.sending import permissions as sending
from posthouse.tenants import permissions as tenants
from posthouse.webui.webhooks import permissions as webhooks


def permits() -> SimpleNamespace:
    """Gather the constants of the rooms."""
    found: dict[str, Permission] = {}
    for module in (tenants, billing, sending, inbound, webhooks):
        found |= {name: value for name, value in vars(module).items() if isinstance(value, Permission)}
    return SimpleNamespace(**found)

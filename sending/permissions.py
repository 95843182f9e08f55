"""What may be done with sending domains, campaigns and single messages, and which built-in roles of a tenant hold it."""

from __future__ import annotations

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

_EVERYBODY = ("owner", "admin", "editor", "analyst")
_WRITERS = ("owner", "admin", "editor")
_ADMINS = ("owner", "admin")

READ_DOMAINS = Permission("domains:read", "See sending domains and their DNS records.", Reach.TENANT, _EVERYBODY)
MANAGE_DOMAINS = Permission("domains:manage", "Add, verify and remove sending domains.", Reach.TENANT, _ADMINS)
READ_CAMPAIGNS = Permission("campaigns:read", "See campaigns and their reports.", Reach.TENANT, _EVERYBODY)
WRITE_CAMPAIGNS = Permission("campaigns:write", "Write campaigns, preview and test them.", Reach.TENANT, _WRITERS)
SEND_CAMPAIGNS = Permission("campaigns:send", "Start, pause, go on with and stop campaigns.", Reach.TENANT, _WRITERS)
READ_MESSAGES = Permission("messages:read", "See single messages and what became of them.", Reach.TENANT, _EVERYBODY)
SEND_MESSAGES = Permission("messages:send", "Send single (transactional) messages.", Reach.TENANT, _ADMINS)

CONTENT = [
    READ_CAMPAIGNS,
    SEND_CAMPAIGNS,
    WRITE_CAMPAIGNS,
    MANAGE_DOMAINS,
    READ_DOMAINS,
    READ_MESSAGES,
    SEND_MESSAGES,
]

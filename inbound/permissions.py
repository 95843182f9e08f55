"""What may be done with mail that came in."""

from posthouse.platform.permissions import Permission
from posthouse.platform.scope import Reach

READ_INBOUND = Permission(
    "inbound:read", "See mail that came back and what it was taken for.", Reach.TENANT, ("owner", "admin", "editor", "analyst")
)
WORK_REPLIES = Permission("replies:work", "Mark people's answers as done, or open again.", Reach.TENANT, ("owner", "admin", "editor"))
READ_UNMATCHED = Permission("unmatched:read", "See mail that belongs to nobody known.", Reach.OPERATOR, ("admin",))
SORT_UNMATCHED = Permission("unmatched:sort", "Say what unmatched mail was.", Reach.OPERATOR, ("admin",))
MANAGE_PROVIDERS = Permission("provider_hooks:manage", "Let mail providers report over HTTP.", Reach.OPERATOR, ("admin",))

PERMISSIONS = [READ_INBOUND, WORK_REPLIES, READ_UNMATCHED, SORT_UNMATCHED, MANAGE_PROVIDERS]

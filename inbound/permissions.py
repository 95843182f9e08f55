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
MANAGE_BOXES = Permission("bounce_boxes:manage", "Have mailboxes emptied that bounces go to.", Reach.OPERATOR, ("admin",))
READ_INBOUND_BELOW = Permission(
    "inbound:read_below", "Ask what a mail about a tenant's message is.", Reach.RESELLER, ("owner", "admin", "support")
)
APPLY_BROUGHT = Permission("inbound:apply", "Have a mail counted that a person brought.", Reach.TENANT, ("owner", "admin"))
APPLY_BROUGHT_BELOW = Permission("inbound:apply_below", "Have a mail about a tenant's message counted.", Reach.RESELLER, ("owner", "admin"))
APPLY_BROUGHT_ANYWHERE = Permission("inbound:apply_anywhere", "Have a mail about any message counted.", Reach.OPERATOR, ("admin",))

PERMISSIONS = [
    APPLY_BROUGHT,
    APPLY_BROUGHT_ANYWHERE,
    APPLY_BROUGHT_BELOW,
    MANAGE_BOXES,
    READ_INBOUND_BELOW,
    READ_INBOUND,
    WORK_REPLIES,
    READ_UNMATCHED,
    SORT_UNMATCHED,
    MANAGE_PROVIDERS,
]

"""Hear within a second that a campaign or a whole tenant must not send any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.sending.delivery.claiming import MAY_SEND
from posthouse.sending.delivery.desk import Consignment

_HALTED = sa.text(
    "SELECT id FROM campaign WHERE tenant_id = :tenant AND id = ANY (:ids) AND state NOT IN ('starting', 'sending', 'waiting')"
)
_TENANT = sa.text("SELECT state FROM tenant WHERE reseller_id = :reseller AND id = :tenant")
_STOPPED = sa.text(
    "SELECT stream, grade FROM standing WHERE reseller_id = :reseller AND for_tenant_id = :tenant AND grade IN ('held', 'suspended')"
)


def look(consignments: Sequence[Consignment]) -> None:
    """Ask the database for each tenant at work what is halted, and tell the consignments."""
    by_tenant: dict[int, list[Consignment]] = defaultdict(list)
    for consignment in consignments:
        by_tenant[consignment.claimed.scope.tenant].append(consignment)
    for group in by_tenant.values():
        _look_one(group)


def _look_one(group: Sequence[Consignment]) -> None:
    scope = group[0].claimed.scope
    campaigns = {card.campaign_id for one in group for card in one.claimed.cards if card.campaign_id is not None}
    with transaction(scope):
        live = session(scope)
        state = live.execute(_TENANT, {"reseller": scope.reseller, "tenant": scope.tenant}).scalar_one_or_none()
        stopped = live.execute(_STOPPED, {"reseller": scope.reseller, "tenant": scope.tenant}).all()
        halted = frozenset(live.execute(_HALTED, {"tenant": scope.tenant, "ids": sorted(campaigns)}).scalars())
    for one in group:
        one.halted = halted
        stream = one.claimed.stream
        if state not in MAY_SEND or any(row.stream == stream or row.grade == "suspended" for row in stopped):
            one.halted_all = True

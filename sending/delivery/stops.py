"""Hear within a second that a campaign or a whole tenant must not send any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from posthouse.platform.db import transaction
from posthouse.platform.statements import array, rows
from posthouse.sending.delivery.claiming import MAY_SEND
from posthouse.sending.delivery.desk import Consignment
from posthouse.sending.standing.rules import grade_for

_LOOK = (
    "SELECT (SELECT state FROM tenant WHERE reseller_id = %(reseller)s AND id = %(tenant)s) AS state,"
    " ARRAY(SELECT stream || ':' || grade FROM standing WHERE reseller_id = %(reseller)s AND for_tenant_id = %(tenant)s) AS grades,"
    " ARRAY(SELECT id FROM campaign WHERE tenant_id = %(tenant)s AND id = ANY (CAST(%(ids)s AS bigint[]))"
    " AND state NOT IN ('starting', 'sending', 'waiting')) AS halted"
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
        found = rows(scope, _LOOK, {"reseller": scope.reseller, "tenant": scope.tenant, "ids": array(campaigns)})[0]
    for one in group:
        one.halted = frozenset(found.halted)
        if found.state not in MAY_SEND or grade_for(one.claimed.stream, found.grades).lasts:
            one.halted_all = True

"""What the database says of each tenant, counted from the rows themselves and not from the roll-ups that pages show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.platform.db import session, transaction
from posthouse.sending.campaigns import report
from posthouse.webui.demo.accounts import Player

_MESSAGES = sa.text(
    "SELECT count(*) FILTER (WHERE state = 'sent') AS sent,"
    " count(*) FILTER (WHERE state = 'sent' AND bounced_at IS NOT NULL) AS returned,"
    " count(*) FILTER (WHERE state = 'failed') AS rejected,"
    " count(*) FILTER (WHERE state = 'queued' AND attempts > 0) AS deferred,"
    " count(*) FILTER (WHERE state = 'queued' AND attempts = 0) AS waiting,"
    " count(*) FILTER (WHERE state = 'queued' AND attempts > 0 AND not_before < now() + interval '30 seconds') AS soon,"
    " count(*) FILTER (WHERE state = 'leased') AS underway,"
    " count(*) FILTER (WHERE state = 'unknown') AS unknown,"
    " count(*) FILTER (WHERE complained_at IS NOT NULL) AS complaints,"
    " count(*) AS recipients FROM message"
)
_ENGAGED = sa.text("SELECT kind, count(*) AS people FROM message_engagement WHERE people > 0 GROUP BY kind")
_REST = sa.text(
    "SELECT (SELECT count(*) FROM contact) AS imported, (SELECT coalesce(sum(refused), 0) FROM contact_import) AS refused,"
    " (SELECT allowed FROM tenant_quota_limit WHERE period = 'month') AS quota,"
    " (SELECT coalesce(sum(used), 0) FROM tenant_quota_window WHERE period = 'month') AS used,"
    " (SELECT count(*) FROM suppression) AS suppressed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One tenant's figures; each contact's one message is in exactly one of delivered, bounced, deferred, waiting and unknown.

    imported: contacts; refused: rows of the file that could not be imported. sent: taken by the recipient's server; delivered: of these, not
    sent back; bounced: refused at once or sent back later; deferred: put off, to be tried again; waiting: not tried yet; unknown: the
    server's answer was lost. complaints, unsubscribed, opens, clicks: recipients who did so, persons only. suppressed: addresses that
    get no more mail.
    """

    name: str
    imported: int
    refused: int
    quota: int
    sent: int
    delivered: int
    bounced: int
    deferred: int
    waiting: int
    unknown: int
    complaints: int
    unsubscribed: int
    opens: int
    clicks: int
    suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A tenant's figures with what is needed to compare them: `rejected` at once, `returned` later, `used` of the quota."""

    figures: Figures
    rejected: int
    returned: int
    used: int
    recipients: int
    underway: int
    soon: int
    state: str
    reason: str
    resumes_at: datetime | None
    rolled_up: int

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves any more: everybody was tried, or the quota is used up and the rest waits for the next month."""
        if self.underway or self.recipients != self.figures.imported:
            return False
        return self.used >= self.figures.quota or not (self.figures.waiting or self.soon)


def count(player: Player, campaign_id: int) -> Account:
    """Count one tenant's rows now."""
    with transaction(player.scope):
        live = session(player.scope)
        rest, messages = live.execute(_REST).one(), live.execute(_MESSAGES).one()
        engaged: dict[str, int] = {row.kind: row.people for row in live.execute(_ENGAGED)}
        shown = report.get_report(player.scope, campaign_id)
    figures = Figures(
        name=player.part.name,
        imported=rest.imported,
        refused=int(rest.refused),
        quota=rest.quota or 0,
        sent=messages.sent,
        delivered=messages.sent - messages.returned,
        bounced=messages.rejected + messages.returned,
        deferred=messages.deferred,
        waiting=messages.waiting,
        unknown=messages.unknown,
        complaints=messages.complaints,
        unsubscribed=engaged.get("unsubscribe", 0),
        opens=engaged.get("open", 0),
        clicks=engaged.get("click", 0),
        suppressed=rest.suppressed,
    )
    return Account(
        figures=figures,
        rejected=messages.rejected,
        returned=messages.returned,
        used=int(rest.used),
        recipients=messages.recipients,
        underway=messages.underway,
        soon=messages.soon,
        state=shown.state.value,
        reason=shown.state_reason,
        resumes_at=shown.resumes_at,
        rolled_up=shown.totals.get("sent", 0),
    )


def as_json(figures: Figures) -> dict[str, int | str]:
    """Return the figures as the report writes them."""
    return asdict(figures)

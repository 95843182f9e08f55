"""A mailroom on a real database, and messages that were sent: for tests of what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from world import Place, World

from posthouse.inbound.mailroom.sort import Mailroom, Outcome
from posthouse.inbound.spool.files import Envelope
from posthouse.platform import clock
from posthouse.platform.app import keyring
from posthouse.platform.db import transaction
from posthouse.sending.tokens import Mint

_INSERT = sa.text(
    "INSERT INTO message (tenant_id, revision_id, list_id, contact_id, recipient, email_norm, domain, stream, state, attempts, not_before,"
    " created_at, settled_at) VALUES (:tenant, 1, :list, :contact, :email, :email, 'example.net', :stream, :state, 1, :at, :at, :settled)"
    " RETURNING id"
)


class Sent:
    """One message of a tenant, with its token."""

    def __init__(self, mint: Mint, place: Place, message_id: int) -> None:
        self.place, self.id = place, message_id
        self.token = mint.mint(place.id, message_id).local


class Desk:
    """What the tests do: send messages, hand in mail, look at what became of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mint = Mint(keyring())
        self.mailroom = Mailroom(self.mint)

    def send(
        self,
        place: Place,
        email: str = "ann@example.net",
        *,
        ago: timedelta = timedelta(hours=1),
        state: str = "sent",
        contact_id: int | None = None,
        list_id: int | None = None,
        stream: str = "marketing",
    ) -> Sent:
        at = clock.now() - ago
        values = {"tenant": place.id, "email": email, "state": state, "at": at, "contact": contact_id, "list": list_id, "stream": stream}
        with transaction(place.scope) as live:
            made = live.execute(_INSERT, {**values, "settled": None if state == "queued" else at}).scalar_one()
            if state == "queued":
                live.execute(sa.text("UPDATE message SET attempts = 0 WHERE tenant_id = :t AND id = :m"), {"t": place.id, "m": made})
        return Sent(self.mint, place, made)

    def hand_in(self, content: bytes, *recipients: str, sender: str = "") -> Outcome:
        at = datetime(2026, 11, 25, tzinfo=UTC)
        return self.mailroom.sort(Envelope(sender, recipients, "192.0.2.1", "mx.example.net", "esmtp", at), content)

    def ask(self, place: Place, sql: str, **values: object) -> list[tuple[object, ...]]:
        with transaction(place.scope) as live:
            return [tuple(row) for row in live.execute(sa.text(sql), values)]

    def marks(self, sent: Sent) -> tuple[object, ...]:
        return self.ask(
            sent.place,
            "SELECT bounced_at IS NOT NULL, bounce_reason, hard, complained_at IS NOT NULL FROM message WHERE id = :id",
            id=sent.id,
        )[0]

    def suppressed(self, place: Place) -> list[tuple[object, ...]]:
        return self.ask(place, "SELECT address, reason, reach FROM suppression ORDER BY id")

    def mail(self, place: Place) -> list[tuple[object, ...]]:
        return self.ask(place, "SELECT kind, effect, message_id FROM inbound_mail ORDER BY id")

    def unmatched(self) -> list[tuple[object, ...]]:
        with transaction(self.world.operator) as live:
            return [tuple(row) for row in live.execute(sa.text("SELECT kind, why FROM unmatched_mail ORDER BY id"))]

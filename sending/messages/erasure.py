"""Forget a person in messages: what says who it was goes, what was counted stays.

A message that is forgotten has no recipient any more; bounces, clicks and complaints that come later find it, are counted, and
reach nobody. Messages are looked for by contact and by address, for single ones were sent without a contact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform import clock
from posthouse.platform.db import session
from posthouse.platform.events import emit
from posthouse.platform.scope import Scope
from posthouse.sending.campaigns import counting
from posthouse.sending.campaigns.counting import Tally
from posthouse.sending.messages.events import MessagesForgotten
from posthouse.sending.messages.labels import forget_labels

ERASED = "contact erased"

# Walks along the primary key: an index on the address would cost the sending of every message more than this does.
_WALK = sa.text(
    "WITH part AS MATERIALIZED (SELECT id, contact_id, email_norm FROM message WHERE tenant_id = :tenant AND id > :after"
    " ORDER BY id LIMIT :size)"
    " SELECT max(id) AS last, array_agg(id ORDER BY id) FILTER (WHERE contact_id = :contact AND email_norm <> ''"
    " OR email_norm = ANY (CAST(:addresses AS text[]))) AS ids FROM part"
)
_CALL_OFF = sa.text(
    "WITH waiting AS (SELECT id FROM message WHERE tenant_id = :tenant AND id = ANY (CAST(:ids AS bigint[])) AND state = 'queued'"
    " ORDER BY id FOR UPDATE),"
    " called AS (UPDATE message m SET state = 'cancelled', reason = :reason, settled_at = :at FROM waiting w"
    " WHERE m.tenant_id = :tenant AND m.id = w.id RETURNING m.id, m.campaign_id, m.domain),"
    " told AS (INSERT INTO message_event (tenant_id, message_id, kind, at) SELECT :tenant, id, 'cancelled', :at FROM called)"
    " SELECT campaign_id, domain FROM called WHERE campaign_id IS NOT NULL"
)
# One that a worker holds is about to get its outcome, which may name the recipient: it is forgotten after that.
_BLANK = sa.text(
    "UPDATE message SET recipient = '', email_norm = '', fields = NULL, reply_text = NULL,"
    " reason = CASE WHEN reason ~* :trace THEN '' ELSE reason END, bounce_reason = CASE WHEN bounce_reason ~* :trace THEN '' ELSE bounce_reason END"
    " WHERE tenant_id = :tenant AND id = ANY (CAST(:ids AS bigint[])) AND state <> 'leased' RETURNING id"
)
_BLANK_HISTORY = sa.text(
    "UPDATE message_event SET text = '' WHERE tenant_id = :tenant AND message_id = ANY (CAST(:ids AS bigint[])) AND text <> ''"
)
# A ready-made message holds whatever its program wrote; while another recipient's copy waits it is still needed.
_FORGET_MIME = sa.text(
    "DELETE FROM mime_letter l USING message m WHERE m.tenant_id = :tenant AND m.id = ANY (CAST(:ids AS bigint[])) AND l.tenant_id = :tenant"
    " AND l.revision_id = m.revision_id AND NOT EXISTS (SELECT 1 FROM message o WHERE o.tenant_id = :tenant"
    " AND o.revision_id = l.revision_id AND o.state IN ('queued', 'leased'))"
)
# A program may choose a key that says for whom the message is.
_FORGET_KEYS = sa.text("DELETE FROM single_message_key WHERE tenant_id = :tenant AND message_id = ANY (CAST(:ids AS bigint[]))")
_RETIRE_LETTERS = sa.text("SELECT sending_retire_letters(:tenant, CAST(:ids AS bigint[]))")
_EMPTY_LETTERS = sa.text("SELECT sending_empty_letters(:tenant)")
_BLANK_SKIPS = sa.text(
    "UPDATE campaign_skip SET email = '' WHERE tenant_id = :tenant AND email <> ''"
    " AND (contact_id = :contact OR lower(email) = ANY (CAST(:addresses AS text[])))"
)


def forget_range(scope: Scope, *, contact_id: int, addresses: Sequence[str], after: int, size: int) -> tuple[int | None, int]:
    """Forget a person in the next messages after an id; may be repeated.

    Waiting ones are cancelled. Returns the last id looked at (None: there are no more) and how many a worker holds, which stay for later.
    """
    keys = {"tenant": scope.tenant, "contact": contact_id, "addresses": list(addresses), "after": after, "size": size}
    found = session(scope).execute(_WALK, keys).one()
    held = len(found.ids) - _forget(scope, found.ids, addresses) if found.ids else 0
    return found.last, held


def forget_skips(scope: Scope, *, contact_id: int, addresses: Sequence[str]) -> None:
    """Forget a person among those whom campaigns left out; may be repeated."""
    session(scope).execute(_BLANK_SKIPS, {"tenant": scope.tenant, "contact": contact_id, "addresses": list(addresses)})


def forget_letters(scope: Scope) -> None:
    """Empty what single messages said to people who are all forgotten; what a campaign said, or others got too, stays. May be repeated.

    Call it some time after the messages were forgotten, when nobody can still be about to send the same again.
    """
    session(scope).execute(_EMPTY_LETTERS, {"tenant": scope.tenant})


def forget_messages(scope: Scope, message_ids: Sequence[int]) -> int:
    """Forget these messages whole, since what they say is another person's; returns how many a worker holds. May be repeated."""
    query = sa.text("SELECT id FROM message WHERE tenant_id = :tenant AND id = ANY (CAST(:ids AS bigint[])) AND email_norm <> ''")
    ids = list(session(scope).scalars(query, {"tenant": scope.tenant, "ids": list(message_ids)}))
    return len(ids) - _forget(scope, ids, ()) if ids else 0


def _forget(scope: Scope, ids: Sequence[int], addresses: Sequence[str]) -> int:
    keys = {"tenant": scope.tenant, "ids": list(ids)}
    at = clock.now()
    cancelled = Counter(tuple(row) for row in session(scope).execute(_CALL_OFF, {**keys, "at": at, "reason": ERASED}))
    tallies = [Tally(campaign_id=one, kind=counting.CANCELLED, at=at, domain=domain, count=n) for (one, domain), n in cancelled.items()]
    counting.add(scope, tallies)
    blanked = list(session(scope).execute(_BLANK, {**keys, "trace": _trace(addresses)}).scalars())
    session(scope).execute(_BLANK_HISTORY, {**keys, "ids": blanked})
    if blanked:
        forget_labels(scope, blanked)
        for statement in (_FORGET_MIME, _FORGET_KEYS, _RETIRE_LETTERS):
            session(scope).execute(statement, {**keys, "ids": blanked})
        emit(scope, MessagesForgotten(message_ids=blanked))
    return len(blanked)


def _trace(addresses: Sequence[str]) -> str:
    """A pattern that finds any of the addresses, taken literally, in a text."""
    literal = ("".join(letter if letter.isalnum() else f"\\{letter}" for letter in address) for address in addresses)
    return "|".join(literal) or "a^"  # nothing

"""News: something that happened, told to the rooms that asked to know. Emitting writes an outbox row in the same transaction.

The scheduler relays: one job for each handler of the event, keyed by event and handler, so a relay that is run twice asks
once. Handlers get the scope of the tenant or reseller that the event was emitted for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from posthouse.platform import clock, logs
from posthouse.platform.db import session, transaction
from posthouse.platform.jobs import enqueue, ring_after_commit
from posthouse.platform.running import carried
from posthouse.platform.scope import Scope
from posthouse.platform.tables import OutboxRow
from posthouse.platform.together import together

RELAY_BELL = "scheduler"
HANDLE = "platform.handle_event"
HANDLE_TOGETHER = "platform.handle_events"
_TURN = 9


@dataclass(frozen=True)
class Event:
    """The base of all events: frozen, ids and small facts only, all of them JSON."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A wish to be told: `run(scope, event)` later, as a job, at least once.

    `wanted(scope)` is asked in the transaction of the news, and must be quick: where no handler wants it, nothing is written down.
    `run_all(scope, events)`: takes several of one tenant or reseller in one job; where it fails, each is handled apart.
    """

    event: type[Event]
    name: str
    run: Callable[[Scope, Any], None]
    wanted: Callable[[Scope], bool] | None = None
    run_all: Callable[[Scope, Sequence[Any]], None] | None = None


def emit(scope: Scope, event: Event) -> None:
    """Announce an event in the open transaction; handlers hear of it if and only if that commits."""
    if type(event).__name__ in carried("house").handlers:
        together(scope, _write, event, turn=_TURN)


def _write(scope: Scope, events: list[Event]) -> None:
    handlers: dict[str, dict[str, Handler]] = carried("house").handlers
    names = dict.fromkeys(type(event).__name__ for event in events)
    heard = {name for name in names if any(one.wanted is None or one.wanted(scope) for one in handlers[name].values())}
    rows = [_row(scope, name, event) for event in events if (name := type(event).__name__) in heard]
    if not rows:
        return
    # Inline, since the roles that write the outbox may not read it: without that the new id would be asked back.
    session(scope).execute(sa.insert(OutboxRow).inline(), rows)
    ring_after_commit(scope, RELAY_BELL)


def _row(scope: Scope, name: str, event: Event) -> dict[str, Any]:
    return {
        "name": name,
        "for_tenant_id": scope.tenant_id,
        "for_reseller_id": scope.reseller_id,
        "payload": asdict(event),
        "created_at": clock.now(),
        "request_id": scope.request_id,
    }


def handle(scope: Scope, *, event_id: int, name: str, handler: str, payload: dict[str, Any]) -> None:
    """Run one handler of one event; the job behind every relayed event."""
    del event_id
    declared = carried("house").handlers[name][handler]
    declared.run(scope, declared.event(**payload))


def handle_together(scope: Scope, *, name: str, handler: str, events: Sequence[dict[str, Any]]) -> None:
    """Run one handler of several events; where it can't take them together, ask for a job for each, so that one holds up no other."""
    declared: Handler = carried("house").handlers[name][handler]
    try:
        if declared.run_all is None:
            raise LookupError(f"{handler} takes {name} one by one")
        declared.run_all(scope, [declared.event(**one["payload"]) for one in events])
    except (sa.exc.OperationalError, sa.exc.InterfaceError):
        raise  # the database is away: all of it again
    except Exception as problem:
        logs.get().warning("events.handled_apart", news=name, handler=handler, problem=repr(problem))
        with transaction(scope):
            for one in events:
                enqueue(scope, HANDLE, key=f"{one['id']}:{handler}", event_id=one["id"], name=name, handler=handler, payload=one["payload"])

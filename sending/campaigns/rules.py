"""What a campaign may do in which state. Pure.

    draft -> starting -> sending <-> waiting -> finished
                 \\__________\\______/ -> paused -> (go on) ; any that is not at its end -> stopped

Asking for what already is changes nothing, so a double click is harmless.
"""

from __future__ import annotations

from enum import StrEnum

from posthouse.platform.errors import Conflict


class State(StrEnum):
    """A campaign's state. STARTING: recipients are being written, the first already leave. WAITING: a limit binds."""

    DRAFT = "draft"
    STARTING = "starting"
    SENDING = "sending"
    PAUSED = "paused"
    WAITING = "waiting"
    STOPPED = "stopped"
    FINISHED = "finished"


RUNNING = frozenset({State.STARTING, State.SENDING, State.WAITING})
AT_END = frozenset({State.STOPPED, State.FINISHED})


def may_send(state: str) -> bool:
    """Say whether messages of a campaign in this state may leave."""
    return state in RUNNING


def start(state: State) -> State | None:
    """Return the state after a start, None where it is started already. Raises: Conflict."""
    if state is State.DRAFT:
        return State.STARTING
    if state in AT_END:
        raise Conflict("campaign_over", "This campaign is over. Copy it to send it again.")
    return None


def pause(state: State) -> State | None:
    """Return the state after a pause, None where it is paused already. Raises: Conflict."""
    if state is State.PAUSED:
        return None
    if state not in RUNNING:
        raise Conflict("campaign_not_running", "Only a campaign that is being sent can be paused.")
    return State.PAUSED


def go_on(state: State, *, expanded: bool) -> State | None:
    """Return the state after going on, None where it runs already. `expanded`: all recipients are written. Raises: Conflict."""
    if state in RUNNING:
        return None
    if state is not State.PAUSED:
        raise Conflict("campaign_not_paused", "Only a paused campaign can go on.")
    return State.SENDING if expanded else State.STARTING


def stop(state: State) -> State | None:
    """Return the state after a stop, None where it is stopped already. Raises: Conflict."""
    if state is State.STOPPED:
        return None
    if state is State.DRAFT:
        raise Conflict("campaign_not_running", "A draft is not sent yet: there is nothing to stop. Delete it if you don't need it.")
    if state is State.FINISHED:
        raise Conflict("campaign_over", "This campaign is finished; everything has been sent.")
    return State.STOPPED


def wait(state: State) -> State | None:
    """Return the state when a limit binds, None where that changes nothing."""
    return State.WAITING if state in {State.STARTING, State.SENDING} else None


def resume(state: State, *, expanded: bool) -> State | None:
    """Return the state when messages leave again after a limit bound, None where that changes nothing."""
    if state is not State.WAITING:
        return None
    return State.SENDING if expanded else State.STARTING


def require_draft(state: State) -> None:
    """Refuse to change what is being sent. Raises: Conflict."""
    if state is not State.DRAFT:
        raise Conflict("campaign_started", "This campaign has been started: what is sent can't be changed. Copy it to write another.")

"""What the lines of a lease's journal say; pure. One line a word, a message's last word counts:

L <tenant> <lease> <until> <reseller> <boot>      the head; until = seconds since 1970 until which the lease's COMMIT may still arrive;
                                      boot = which start of the machine wrote it: after another one lines may be missing
I <message> <route>                   the body is about to leave: from here to the reply nobody knows
O <message> <code> <enhanced> <stage> <text>      taken (2xx after the final dot)
N ...the same...                      not now (4xx, or a refusal that says nothing about the message)
P ...the same...                      refused for good (5xx)
U <message> <why>                     the body left and no reply came
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from posthouse.sending.delivery import hosts


class Mark(StrEnum):
    """What a line says."""

    LEASE = "L"
    INTENT = "I"
    SENT = "O"
    DEFERRED = "N"
    REFUSED = "P"
    UNKNOWN = "U"


class Record(NamedTuple):
    """The last word about one message. `code` is 0 where no server said anything; `route_id` 0 where none was chosen."""

    mark: Mark
    message_id: int
    code: int = 0
    enhanced: str | None = None
    stage: str = ""
    text: str = ""
    route_id: int = 0


@dataclass(slots=True)
class Replay:
    """What a journal says. `damaged` counts unreadable lines before the last; a torn last line is no damage."""

    tenant_id: int
    lease_id: int
    until: int = 0
    reseller_id: int = 0
    records: dict[int, Record] = field(default_factory=dict)
    damaged: int = 0
    outlived: bool = False  # the machine went down since: what was not synced yet is gone

    def of(self, message_id: int) -> Record | None:
        """Return the last word about a message: None means that its body never left.

        A damaged journal can't prove that, nor one from before a power loss, so then a message without a line is unknown.
        """
        known = self.records.get(message_id)
        if known is None and self.damaged:
            return Record(Mark.UNKNOWN, message_id, text="the journal is damaged")
        if known is None and self.outlived:
            return Record(Mark.UNKNOWN, message_id, text="the machine went down while it was at work")
        return known


def parse(data: bytes, *, tenant_id: int, lease_id: int) -> Replay:
    """Read a journal's bytes; never raises. What a crash tore off at the end is ignored."""
    replay = Replay(tenant_id, lease_id)
    # After a power loss a file system may show zeros where the last blocks were not written.
    complete, _, _ = data.partition(b"\x00")
    lines = complete.split(b"\n")[:-1]
    for line in lines:
        record = _parse_line(line.decode("utf-8", "replace"), replay)
        if record is not None:
            _note(replay, record)
    return replay


def _note(replay: Replay, record: Record) -> None:
    before = replay.records.get(record.message_id)
    if record.mark is Mark.INTENT or before is None:
        replay.records[record.message_id] = record
    else:
        route = before.route_id
        replay.records[record.message_id] = Record(
            record.mark, record.message_id, record.code, record.enhanced, record.stage, record.text, route
        )


def _parse_line(line: str, replay: Replay) -> Record | None:
    mark, _, rest = line.partition(" ")
    try:
        if mark == Mark.LEASE:
            replay.until = _head(rest, replay)
            return None
        return _READERS[mark](rest)
    except (KeyError, ValueError):
        replay.damaged += 1
        return None


def _head(rest: str, replay: Replay) -> int:
    tenant, lease, until, reseller, written_in = rest.split(" ")
    if (int(tenant), int(lease)) != (replay.tenant_id, replay.lease_id):
        raise ValueError("the head names another lease than the file's name")
    replay.reseller_id = int(reseller)
    replay.outlived = written_in != hosts.boot()
    return int(until)


def _intent(rest: str) -> Record:
    message, route = rest.split(" ")
    return Record(Mark.INTENT, _id(message), route_id=int(route))


def _unknown(rest: str) -> Record:
    message, _, why = rest.partition(" ")
    return Record(Mark.UNKNOWN, _id(message), text=why)


def _final(mark: Mark, rest: str) -> Record:
    message, code, enhanced, stage, text = rest.split(" ", 4)
    return Record(mark, _id(message), int(code), None if enhanced == "-" else enhanced, "" if stage == "-" else stage, text)


def _id(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("not an id")
    return int(text)


_READERS: dict[str, Callable[[str], Record]] = {
    Mark.INTENT.value: _intent,
    Mark.UNKNOWN.value: _unknown,
    Mark.SENT.value: lambda rest: _final(Mark.SENT, rest),
    Mark.DEFERRED.value: lambda rest: _final(Mark.DEFERRED, rest),
    Mark.REFUSED.value: lambda rest: _final(Mark.REFUSED, rest),
}

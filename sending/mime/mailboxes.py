"""Reads address lists as RFC 5322 3.4 writes them, in one pass and without recursion. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_MAILBOXES = 1_000
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


class Mailbox(NamedTuple):
    """One address with its display name, which may be empty."""

    name: str
    address: str


class NotMailboxes(ValueError):
    """The text is no address list."""


@dataclass(slots=True)
class _Scan:
    boxes: list[Mailbox] = field(default_factory=list)
    name: str = ""
    angle: str | None = None
    group: bool = False
    any_group: bool = False

    def end_box(self) -> None:
        text, angle = self.name.strip(), self.angle
        self.name, self.angle = "", None
        if angle is None and not text:
            return
        if len(self.boxes) >= MOST_MAILBOXES:
            raise NotMailboxes("too many addresses")
        self.boxes.append(Mailbox("", text) if angle is None else Mailbox(" ".join(text.split()), angle.strip()))


def read(text: str) -> list[Mailbox]:
    """Return the mailboxes of a list, those within groups too. Raises: NotMailboxes."""
    return _scan(text).boxes


def read_one(text: str) -> Mailbox:
    """Return the only mailbox; groups are none (RFC 5322 3.6.2). Raises: NotMailboxes."""
    scan = _scan(text)
    if len(scan.boxes) != 1 or scan.any_group:
        raise NotMailboxes("not exactly one address")
    return scan.boxes[0]


def _scan(text: str) -> _Scan:
    scan, place = _Scan(), 0
    while place < len(text):
        letter = text[place]
        if letter == "(":
            place = _end_of_comment(text, place)
        elif letter == '"':
            end = _end_of_quote(text, place)
            quoted = text[place:end]
            if scan.angle is None and not text[end:].lstrip().startswith("@"):
                quoted = _QUOTED_PAIR.sub(r"\1", quoted[1:-1])
            scan.name += quoted
            place = end
        elif letter == "<":
            place = _angle(scan, text, place)
        else:
            _separator(scan, letter)
            place += 1
    if scan.group:
        raise NotMailboxes("a group that never ends")
    scan.end_box()
    return scan


def _angle(scan: _Scan, text: str, place: int) -> int:
    end = text.find(">", place)
    inside = text[place + 1 : end]
    if end < 0 or scan.angle is not None or "<" in inside or inside.startswith("@"):
        raise NotMailboxes("an address in < > that can't be read")
    scan.angle = inside
    return end + 1


def _separator(scan: _Scan, letter: str) -> None:
    if letter == ":" and scan.angle is None and not scan.group:
        scan.name, scan.group, scan.any_group = "", True, True
    elif letter == ";" and scan.group:
        scan.end_box()
        scan.group = False
    elif letter == ",":
        scan.end_box()
    elif letter in ":;>)":
        raise NotMailboxes(f"“{letter}” where none may be")
    elif scan.angle is not None and not letter.isspace():
        raise NotMailboxes("text behind an address")
    elif scan.angle is None:
        scan.name += letter


def _end_of_quote(text: str, place: int) -> int:
    at = place + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == '"':
            return at + 1
        at += 1
    raise NotMailboxes("a quotation that never ends")


def _end_of_comment(text: str, place: int) -> int:
    depth, at = 0, place
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "(":
            depth += 1
        elif text[at] == ")":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    raise NotMailboxes("a comment that never ends")

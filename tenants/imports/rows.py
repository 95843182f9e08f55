"""Turn a row of a file into a contact, or into a refusal that says which cell is wrong, why, and what to do.

A row is taken whole or not at all: a wrong date in an optional column refuses the row rather than dropping the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from posthouse.tenants.contacts import addresses, rules
from posthouse.tenants.imports.formulas import unguard
from posthouse.tenants.imports.headers import EMAIL, IGNORE, STATUS, fold
from posthouse.tenants.imports.reader import Broken, Row

UNREADABLE = "\ufffd"


@dataclass(frozen=True, slots=True)
class Target:
    """What one column becomes: email, status, ignore or a field's key, with the field's kind and choices."""

    name: str
    target: str
    kind: rules.FieldKind = rules.FieldKind.TEXT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """What every column becomes, in the order of the file, and how its dates are meant."""

    columns: tuple[Target, ...]
    order: rules.DateOrder = rules.DateOrder.UNKNOWN
    allow_reserved: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """A row that may be stored. `status` is a subscription's state that the file claims, or None."""

    line: int
    address: addresses.Address
    fields: dict[str, rules.Value]
    status: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that may not, with its cells as they came. `column` names the one at fault where it is one."""

    line: int
    code: str
    sentence: str
    cells: list[str]
    column: str = ""


@dataclass(frozen=True, slots=True)
class MappingRefused:
    """Why a mapping can't be used."""

    code: str
    sentence: str


# What other products write into their status columns. A state that forbids mail is kept as such, so that an import never wakes it up.
STATUS_WORDS = {
    "subscribed": "subscribed", "active": "subscribed", "confirmed": "subscribed", "enabled": "subscribed", "yes": "subscribed", "true": "subscribed",
    "1": "subscribed", "opted in": "subscribed", "optin": "subscribed", "aktiv": "subscribed", "actif": "subscribed", "activo": "subscribed",
    "unsubscribed": "unsubscribed", "unsubscribe": "unsubscribed", "opted out": "unsubscribed", "optout": "unsubscribed", "removed": "unsubscribed",
    "no": "unsubscribed", "false": "unsubscribed", "0": "unsubscribed", "inactive": "unsubscribed", "disabled": "unsubscribed", "blacklisted": "unsubscribed",
    "blocklisted": "unsubscribed", "abgemeldet": "unsubscribed", "inaktiv": "unsubscribed", "desabonne": "unsubscribed", "suppressed": "unsubscribed",
    "unconfirmed": "unconfirmed", "pending": "unconfirmed", "waiting": "unconfirmed", "not confirmed": "unconfirmed",
    "bounced": "bounced", "bounce": "bounced", "hard bounce": "bounced", "cleaned": "bounced", "invalid": "bounced",
    "complained": "complained", "complaint": "complained", "spam": "complained", "abuse": "complained",
}  # fmt: skip


def mapping_refusal(mapping: Mapping) -> MappingRefused | None:
    """Say why a mapping can't be used, or None where it can."""
    targets = [column.target for column in mapping.columns if column.target != IGNORE]
    if targets.count(EMAIL) != 1:
        return MappingRefused("mapping_needs_one_address", "Choose exactly one column that holds the e-mail address.")
    for target in targets:
        if targets.count(target) > 1:
            return MappingRefused("mapping_target_twice", f"Two columns go to “{target}”. Choose one of them and leave the other out.")
        if target in {EMAIL, STATUS}:
            continue
        if (refusal := rules.key_refusal(target)) is not None:
            return MappingRefused(refusal.code, refusal.sentence)
    return None


@dataclass(slots=True)
class Converter:
    """Converts the rows of one file. Built once per file; calling it never raises."""

    mapping: Mapping
    _email: int = field(init=False)
    _status: int | None = field(init=False)
    _fields: list[tuple[int, Target]] = field(init=False)

    def __post_init__(self) -> None:
        targets = [column.target for column in self.mapping.columns]
        self._email = targets.index(EMAIL)
        self._status = targets.index(STATUS) if STATUS in targets else None
        self._fields = [(at, column) for at, column in enumerate(self.mapping.columns) if column.target not in {EMAIL, STATUS, IGNORE}]

    def __call__(self, row: Row | Broken) -> Ready | Refused:
        """Convert one row."""
        if isinstance(row, Broken):
            return Refused(row.line, row.code, row.sentence, [row.shown])
        cells, width = row.cells, len(self.mapping.columns)
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            sentence = f"The row has {len(cells)} cells, the file {width} columns. Put cells that contain the separator in quotation marks."
            return Refused(row.line, "row_too_many_cells", sentence, cells)
        email = cells[self._email] if len(cells) > self._email else ""
        address = addresses.parse(unguard(email), allow_reserved=self.mapping.allow_reserved)
        if isinstance(address, addresses.AddressRefused):
            return Refused(row.line, address.code, address.sentence, cells, self.mapping.columns[self._email].name)
        return self._with_fields(row, address)

    def _with_fields(self, row: Row, address: addresses.Address) -> Ready | Refused:
        cells, fields = row.cells, dict[str, rules.Value]()
        for at, column in self._fields:
            if at >= len(cells) or not cells[at]:
                continue
            value = _value(cells[at], column, self.mapping.order)
            if isinstance(value, rules.ValueRefused):
                return Refused(row.line, value.code, value.sentence, cells, column.name)
            if value is not None:
                fields[column.target] = value
        status = self._read_status(cells)
        if isinstance(status, rules.ValueRefused):
            assert self._status is not None
            return Refused(row.line, status.code, status.sentence, cells, self.mapping.columns[self._status].name)
        return Ready(row.line, address, fields, status)

    def _read_status(self, cells: Sequence[str]) -> str | rules.ValueRefused | None:
        if self._status is None or self._status >= len(cells) or not cells[self._status].strip():
            return None
        state = STATUS_WORDS.get(fold(cells[self._status]))
        return state or rules.ValueRefused(
            "status_unknown", "The status is not known. Write subscribed, unsubscribed, unconfirmed, bounced or complained."
        )


def _value(cell: str, column: Target, order: rules.DateOrder) -> rules.Value | rules.ValueRefused | None:
    if UNREADABLE in cell:
        return rules.ValueRefused("cell_unreadable", "A letter could not be read. Choose the file's right encoding and import it again.")
    return rules.parse_value(unguard(cell), kind=column.kind, choices=column.choices, order=order)

"""News of this room. Sorted by name."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.platform.events import Event


@dataclass(frozen=True)
class TenantStateChanged(Event):
    """A tenant went from one state to another."""

    tenant_id: int
    before: str
    state: str


@dataclass(frozen=True)
class AddressSuppressed(Event):
    """The tenant may not write to an address any more."""

    suppression_id: int


@dataclass(frozen=True)
class ContactErased(Event):
    """A person is to be forgotten: whoever keeps something of this contact drops it.

    `sealed` holds the address for those who keep it without the contact: `contacts.erasure.addresses_of` opens it.
    """

    contact_id: int
    sealed: str


@dataclass(frozen=True)
class ContactsExported(Event):
    """Somebody took the contacts (of a list) out as a file."""

    list_id: int | None


@dataclass(frozen=True)
class ContactsImported(Event):
    """A file's last row is done."""

    import_id: int


@dataclass(frozen=True)
class ContactSubscribed(Event):
    """A contact may be written to on a list."""

    contact_id: int
    list_id: int


@dataclass(frozen=True)
class ContactUnsubscribed(Event):
    """A contact ended a subscription, or all of them where `list_id` is None."""

    contact_id: int
    list_id: int | None
    message_id: int | None


@dataclass(frozen=True)
class WeightChanged(Event):
    """A tenant's share of what many share is another one; read the present one, since news may overtake each other."""

    tenant_id: int

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

"""Decide how far a suppression reaches, how an address is named in it, and who may lift it."""

from __future__ import annotations

from enum import StrEnum

from posthouse.platform.secrets import Keyring

ERASED = "erased"
STREAMS = ("marketing", "transactional")
_MAC_BYTES = 16


class Reason(StrEnum):
    """Why an address must not be written to."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MANUAL = "manual"
    ERASURE = "erasure"


WEAK = frozenset({Reason.HARD_BOUNCE, Reason.SOFT_BOUNCE, Reason.MANUAL})
"""Reasons that the tenant may end; what the person asked for is stronger."""


class SuppressionReach(StrEnum):
    """How far it reaches: one list, one stream, or all that the tenant sends."""

    LIST = "list"
    STREAM = "stream"
    TENANT = "tenant"


def target(reach: SuppressionReach, *, stream: str | None = None, list_id: int | None = None) -> str:
    """Name what a suppression applies to, in the form in which it is compared. Raises: ValueError where it makes no sense."""
    if reach is SuppressionReach.TENANT and stream is None and list_id is None:
        return "tenant"
    if reach is SuppressionReach.STREAM and stream in STREAMS and list_id is None:
        return f"stream:{stream}"
    if reach is SuppressionReach.LIST and list_id is not None and stream is None:
        return f"list:{list_id}"
    raise ValueError(f"a suppression with reach {reach} can't have stream {stream!r} and list {list_id!r}")


def targets_that_bind(*, stream: str, list_id: int | None) -> list[str]:
    """Name all that a message on this stream, to this list or none, must look for."""
    found = ["tenant", f"stream:{stream}"]
    return found if list_id is None else [*found, f"list:{list_id}"]


def may_lift(reason: str) -> bool:
    """Say whether a tenant may lift such a suppression: bounces and its own entries, never what the person asked for."""
    return reason in WEAK


def erased_names(keyring: Keyring, tenant_id: int, email_norm: str) -> list[str]:
    """Name an erased address: a keyed hash under each master key, the present one first, so that a rotation forgets nobody."""
    data = f"{tenant_id}|{email_norm}".encode()
    others = [key_id for key_id in keyring.keys if key_id != keyring.current]
    macs = [(key_id, keyring.mac("erased-address", data, length=_MAC_BYTES, key_id=key_id)) for key_id in (keyring.current, *others)]
    return [f"{ERASED}:{key_id}:{mac.hex()}" for key_id, mac in macs]

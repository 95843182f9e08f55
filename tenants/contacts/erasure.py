"""Say which addresses are being forgotten, to those who must look for them, without leaving them readable anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from posthouse.platform.app import keyring
from posthouse.platform.scope import Scope

_PLACE = {"table": "contact", "column": "email"}


def seal(scope: Scope, contact_id: int, addresses: Iterable[str]) -> str:
    """Seal the ways in which a contact's address is written, in small letters, for the news of its erasure."""
    plain = "\n".join(dict.fromkeys(address.lower() for address in addresses)).encode()
    return base64.b64encode(keyring().seal(plain, tenant_id=scope.tenant, row_id=contact_id, **_PLACE)).decode()


def addresses_of(scope: Scope, contact_id: int, sealed: str) -> tuple[str, ...]:
    """Return what `seal` took. Raises: DoesNotOpen in another tenant's scope, or once the master key is gone."""
    plain = keyring().unseal(base64.b64decode(sealed), tenant_id=scope.tenant, row_id=contact_id, **_PLACE)
    return tuple(plain.decode().split("\n"))

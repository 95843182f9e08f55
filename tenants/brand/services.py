"""Reads and changes a reseller's brand."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from posthouse.platform import audit
from posthouse.platform.db import session
from posthouse.platform.errors import Invalid, missing
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope
from posthouse.tenants.accounts.rules import clean_name
from posthouse.tenants.brand.models import Brand
from posthouse.tenants.brand.rules import clean_colour, picture_type
from posthouse.tenants.people.services import normal_email
from posthouse.tenants.permissions import MANAGE_BRAND


@dataclass(frozen=True, slots=True)
class BrandCard:
    """What pages need of a brand. `logo_type` None: there is no logo. `version` grows with each change, for caches."""

    product_name: str
    primary_colour: str
    logo_type: str | None
    support_email: str
    support_url: str
    version: int


def find_brand(scope: Scope, reseller_id: int) -> BrandCard | None:
    """Look a brand up from any scope; None for an unknown reseller."""
    row = session(scope).execute(sa.text("SELECT * FROM lookup_brand(:id)"), {"id": reseller_id}).one_or_none()
    if row is None:
        return None
    return BrandCard(row.product_name, row.primary_colour, row.logo_type, row.support_email, row.support_url, row.version)


def find_logo(scope: Scope, reseller_id: int) -> tuple[bytes, str] | None:
    """Look a logo and its media type up from any scope; None where there is none."""
    row = session(scope).execute(sa.text("SELECT logo, logo_type FROM lookup_brand(:id)"), {"id": reseller_id}).one_or_none()
    return None if row is None or row.logo is None else (bytes(row.logo), row.logo_type)


def edit_brand(
    scope: Scope, *, product_name: str, primary_colour: str, support_email: str, support_url: str, logo: bytes | None = None
) -> None:
    """Change the brand; `logo` None keeps the present one, empty bytes take it away. Raises: Invalid, Missing."""
    require(scope, MANAGE_BRAND)
    row = session(scope).get(Brand, scope.reseller, with_for_update=True)
    if row is None:
        raise missing("brand")
    row.product_name = clean_name(product_name, field="product_name")
    row.primary_colour = clean_colour(primary_colour)
    row.support_email = normal_email(support_email)[0] if support_email.strip() else ""
    row.support_url = _clean_url(support_url)
    if logo is not None:
        row.logo, row.logo_type = (logo, picture_type(logo)) if logo else (None, None)
    row.version += 1
    audit.record(scope, verb="brand.edited", subject="reseller", subject_id=scope.reseller, name=row.product_name)


def _clean_url(text: str) -> str:
    url = text.strip()
    if url and (not url.startswith("https://") or any(letter.isspace() or not letter.isprintable() for letter in url) or len(url) > 500):
        raise Invalid("url_invalid", "Write an address that begins with https://.", field="support_url")
    return url

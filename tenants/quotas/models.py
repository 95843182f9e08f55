"""Tables of the quota ledger, three of the same shape at each layer, and of what is allowed at any time."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from posthouse.platform.columns import BigId, Stamp
from posthouse.platform.db import Model


class _Limit:
    period: Mapped[str] = mapped_column(primary_key=True)
    allowed: Mapped[BigId]


class _Window:
    period: Mapped[str] = mapped_column(primary_key=True)
    starts_at: Mapped[Stamp] = mapped_column(primary_key=True)
    allowed: Mapped[BigId | None]
    ceiling: Mapped[BigId | None]
    reserved: Mapped[BigId] = mapped_column(server_default="0")
    used: Mapped[BigId] = mapped_column(server_default="0")


class _Entry:
    lease_id: Mapped[BigId] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    reserved: Mapped[BigId] = mapped_column(server_default="0")
    used: Mapped[BigId] = mapped_column(server_default="0")
    released: Mapped[BigId] = mapped_column(server_default="0")
    month_at: Mapped[Stamp]
    day_at: Mapped[Stamp]
    hour_at: Mapped[Stamp]
    at: Mapped[Stamp]


class _OfTenant:
    @declared_attr
    @classmethod
    def tenant_id(cls) -> Mapped[BigId]:
        return mapped_column(primary_key=True)


class _OfReseller:
    @declared_attr
    @classmethod
    def reseller_id(cls) -> Mapped[BigId]:
        return mapped_column(primary_key=True)


class OperatorQuotaLimit(_Limit, Model):
    """What the installation may send in a period; no row means no limit."""

    __tablename__ = "operator_quota_limit"


class OperatorQuotaWindow(_Window, Model):
    """What the installation has sent in one period."""

    __tablename__ = "operator_quota_window"


class OperatorQuotaEntry(_Entry, Model):
    """One lease's part in the installation's windows."""

    __tablename__ = "operator_quota_entry"


class ResellerQuotaLimit(_OfReseller, _Limit, Model):
    """What a reseller's tenants may send together in a period."""

    __tablename__ = "reseller_quota_limit"


class ResellerQuotaWindow(_OfReseller, _Window, Model):
    """What a reseller's tenants have sent in one period."""

    __tablename__ = "reseller_quota_window"


class ResellerQuotaEntry(_OfReseller, _Entry, Model):
    """One lease's part in its reseller's windows."""

    __tablename__ = "reseller_quota_entry"


class TenantQuotaLimit(_OfTenant, _Limit, Model):
    """What a tenant may send in a period."""

    __tablename__ = "tenant_quota_limit"


class TenantQuotaWindow(_OfTenant, _Window, Model):
    """What a tenant has sent in one period."""

    __tablename__ = "tenant_quota_window"


class TenantQuotaEntry(_OfTenant, _Entry, Model):
    """One lease's part in its tenant's windows."""

    __tablename__ = "tenant_quota_entry"


class TenantAllowance(_OfTenant, Model):
    """What a tenant is allowed at any time. `contacts` None is no limit; the database counts `contacts_stored` itself (0004_quotas)."""

    __tablename__ = "tenant_allowance"

    weight: Mapped[int] = mapped_column(server_default="1")
    contacts: Mapped[BigId | None]
    plan_id: Mapped[BigId | None]
    contacts_stored: Mapped[BigId] = mapped_column(server_default="0")

"""Column kinds shared by all tables: the three bases by scope, and timestamps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, ORMExecuteState, mapped_column, with_loader_criteria

from posthouse.platform import clock
from posthouse.platform.db import HouseSession, Model, current_reseller, current_tenant

BigId = Annotated[int, mapped_column(sa.BigInteger)]
Stamp = Annotated[datetime, mapped_column(sa.DateTime(timezone=True))]
Json = Annotated[dict[str, object], mapped_column(JSONB)]

_NEW_ID = sa.text("posthouse_id()")


class TenantRow(Model):
    """A row that belongs to one tenant."""

    __abstract__ = True

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, server_default=_NEW_ID)


class ResellerRow(Model):
    """A row that belongs to one reseller."""

    __abstract__ = True

    reseller_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_reseller)
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, server_default=_NEW_ID)


class PlatformRow(Model):
    """A row of the installation itself; its table stands on the list of platform tables."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, server_default=_NEW_ID)


def created() -> Mapped[datetime]:
    """A column that holds when the row was made."""
    return mapped_column(sa.DateTime(timezone=True), default=clock.now)


@event.listens_for(HouseSession, "do_orm_execute")
def _within_scope(state: ORMExecuteState) -> None:
    """Add the tenant or reseller to ORM statements, for plans and clarity; the lock is row-level security."""
    scope = state.session.info.get("scope")
    if scope is None or state.is_column_load or state.is_relationship_load:
        return
    if scope.tenant_id is not None:
        tenant_id = scope.tenant_id
        state.statement = state.statement.options(
            with_loader_criteria(TenantRow, lambda row: row.tenant_id == tenant_id, include_aliases=True)
        )
    if scope.reseller_id is not None:
        reseller_id = scope.reseller_id
        state.statement = state.statement.options(
            with_loader_criteria(ResellerRow, lambda row: row.reseller_id == reseller_id, include_aliases=True)
        )

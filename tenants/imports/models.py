"""Tables of imports and their refused rows (see migrations 0003)."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from posthouse.platform.columns import TenantRow
from posthouse.platform.db import Model, current_tenant

_WHEN = sa.DateTime(timezone=True)


class ContactImport(TenantRow):
    """One file and what became of its rows. `rows_done` is always the sum of imported, updated, duplicate and refused."""

    __tablename__ = "contact_import"

    list_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    state: Mapped[str]
    file_name: Mapped[str]
    stored_name: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(sa.BigInteger)
    bytes_done: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    shape: Mapped[dict[str, object]] = mapped_column(JSONB)
    mapping: Mapped[dict[str, object]] = mapped_column(JSONB)
    rows_done: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    imported: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    updated: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    duplicate: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    refused: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    subscribed: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    kept_away: Mapped[int] = mapped_column(sa.BigInteger, default=0)
    problem_code: Mapped[str | None]
    problem: Mapped[str | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(_WHEN)
    started_at: Mapped[datetime | None] = mapped_column(_WHEN)
    finished_at: Mapped[datetime | None] = mapped_column(_WHEN)


class ImportRefusal(Model):
    """One refused row as it came, with the reason; `row_number` counts the file's rows from 1."""

    __tablename__ = "import_refusal"

    tenant_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, default=current_tenant)
    import_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    row_number: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    line: Mapped[int] = mapped_column(sa.BigInteger)
    code: Mapped[str]
    sentence: Mapped[str]
    column_name: Mapped[str]
    cells: Mapped[list[str]] = mapped_column(JSONB)

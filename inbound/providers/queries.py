"""Read which providers may report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from posthouse.inbound.permissions import MANAGE_PROVIDERS
from posthouse.inbound.providers.catalogue import PROVIDERS
from posthouse.inbound.providers.models import ProviderHook, ProviderReport
from posthouse.platform import ids
from posthouse.platform.app import settings
from posthouse.platform.db import session
from posthouse.platform.permissions import require
from posthouse.platform.scope import Scope

PREFIX = "phk"
PATH = "/hooks/providers/{provider}/{hook}"


@dataclass(frozen=True, slots=True)
class HookCard:
    """One hook with its address's path and how much came by it. `last_at` None: nothing yet. `folder`: where files may be put instead, or empty."""

    id: int
    provider: str
    title: str
    label: str
    path: str
    posts: int
    last_at: datetime | None
    folder: str


def list_hooks(scope: Scope) -> tuple[HookCard, ...]:
    """List the hooks of the installation, newest first."""
    require(scope, MANAGE_PROVIDERS)
    counted = (
        sa.select(ProviderReport.hook_id, sa.func.count().label("posts"), sa.func.max(ProviderReport.received_at).label("last_at"))
        .group_by(ProviderReport.hook_id)
        .subquery()
    )
    query = sa.select(ProviderHook, counted.c.posts, counted.c.last_at).outerjoin(counted, counted.c.hook_id == ProviderHook.id)
    return tuple(_card(row[0], row[1] or 0, row[2]) for row in session(scope).execute(query.order_by(ProviderHook.id.desc())))


def _card(row: ProviderHook, posts: int, last_at: datetime | None) -> HookCard:
    provider = PROVIDERS.get(row.provider)
    public_id = ids.encode(PREFIX, row.id)
    path = PATH.format(provider=row.provider, hook=public_id)
    folder = str(settings().data / "accounting" / public_id) if provider and provider.files else ""
    return HookCard(row.id, row.provider, provider.title if provider else row.provider, row.label, path, posts, last_at, folder)

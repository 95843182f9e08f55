"""Look for rows of others: as each tenant, in every table, by the roles of the web and of the workers; and with a key over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from posthouse.platform import ids
from posthouse.platform.app import create_core
from posthouse.platform.db import session, transaction
from posthouse.platform.settings import Settings
from posthouse.webui.demo.accounts import Player
from posthouse.webui.demo.stage import DemoFailed, call

_TABLES = sa.text(
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
    " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = CAST('public' AS regnamespace) AND has_table_privilege(c.oid, 'SELECT')"
    " ORDER BY c.relname"
)


def foreign_rows(settings: Settings, players: Sequence[Player]) -> int:
    """Count the rows of others that any tenant can see. Raises: DemoFailed when it does not even see its own."""
    return sum(_seen_by(settings, process, players) for process in ("web", "worker"))


def _seen_by(settings: Settings, process: str, players: Sequence[Player]) -> int:
    core = create_core(settings, process=process)
    with core.app_context():
        try:
            return sum(_seen_as(player) for player in players)
        finally:
            for engine in core.extensions["sqlalchemy"].engines.values():
                engine.dispose()


def _seen_as(player: Player) -> int:
    own = foreign = 0
    with transaction(player.scope):
        live = session(player.scope)
        for table in live.scalars(_TABLES).all():
            counted = sa.text(
                f"SELECT count(*) FILTER (WHERE tenant_id = :own) AS own, count(*) FILTER (WHERE tenant_id <> :own) AS others"
                f' FROM "{table}"'
            )
            row = live.execute(counted, {"own": player.id}).one()
            own, foreign = own + row.own, foreign + row.others
    if own == 0:
        raise DemoFailed(f"{player.part.name} does not see its own rows: the look for those of others proves nothing.")
    return foreign


def foreign_answers(settings: Settings, key: str, campaigns: Sequence[int]) -> int:
    """Ask with one tenant's key for others' campaigns and their reports; count what is not answered with 404."""
    paths = [f"/api/v1/campaigns/{ids.encode('cmp', number)}{rest}" for number in campaigns for rest in ("", "/report")]
    return sum(call("GET", settings.public_url + path, key=key)[0] != 404 for path in paths)

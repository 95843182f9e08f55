"""Makes contacts, lists, imports and suppressions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    Ref,
    drop_lookups,
    drop_tables,
    lookup_function,
    lookup_trigger,
    platform_table,
    reseller_table,
    tenant_table,
)

revision = "0003_audience"
down_revision = "0002_people"

_WHEN = sa.DateTime(timezone=True)
# Compared and searched byte by byte: prefixes are ranges of the index, and no expression meets row security.
_COMPARED = sa.Text(collation="C")


def upgrade() -> None:
    """Create what this revision names."""
    _contacts()
    _lists()
    _no_statistics_of_tenants()
    _list_counts()
    _imports()
    _suppressions()


def _contacts() -> None:
    tenant_table(
        "contact_field",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("choices", JSONB, nullable=False, server_default="[]"),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("key",)],
        checks=[("kind", "kind IN ('text', 'number', 'date', 'datetime', 'boolean', 'url', 'choice')")],
    )
    tenant_table(
        "contact",
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_norm", _COMPARED, nullable=False),
        sa.Column("domain", _COMPARED, nullable=False),
        sa.Column("smtputf8", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("fields", JSONB, nullable=False, server_default="{}"),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("last_import_id", sa.BigInteger),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("updated_at", _WHEN, nullable=False),
        unique=[("email_norm",)],
        anchored=False,
        # Room for an update beside the row, so that changed fields don't touch the indexes.
        storage="fillfactor = 90",
    )


def _lists() -> None:
    tenant_table(
        "contact_list",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("name",)],
    )
    tenant_table(
        "subscription",
        sa.Column("list_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("contact_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("import_id", sa.BigInteger),
        sa.Column("consent", JSONB, nullable=False, server_default="{}"),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("changed_at", _WHEN, nullable=False),
        references=[Ref(("list_id",), "contact_list", on_delete="CASCADE"), Ref(("contact_id",), "contact", on_delete="CASCADE")],
        checks=[("state", "state IN ('subscribed', 'unconfirmed', 'unsubscribed', 'bounced', 'complained')")],
        indexes=[Index(("contact_id",))],
        anchored=False,
        with_id=False,
        storage="fillfactor = 90",
    )


def _no_statistics_of_tenants() -> None:
    """Have the planner expect the same of every tenant, one that came after its statistics too.

    Of such a one it would expect a single row, take any index that begins with the tenant to be as good as the key, and read the whole
    tenant for each contact that is looked up: 300,000 rows for each line of a page. Without statistics of this column it expects a two
    hundredth of the table.
    """
    for table in ("contact", "subscription"):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN tenant_id SET STATISTICS 0")


def _list_counts() -> None:
    """Count each list's subscriptions by state without reading them.

    Each statement that changes subscriptions leaves what it changed, an insert that waits for nobody; this is folded later. What is
    folded and what waits are the count at every moment, in the same transaction too.
    """
    tenant_table(
        "list_tally",
        sa.Column("list_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        anchored=False,
        grants=Grants(app="select", worker="select", lookup="select, insert, update, delete"),
        storage="autovacuum_vacuum_scale_factor = 0.02",
    )
    tenant_table(
        "list_count",
        sa.Column("list_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("state", sa.Text, nullable=False, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        anchored=False,
        with_id=False,
        grants=Grants(app="select", worker="select", lookup="select, insert, update"),
        storage="fillfactor = 80",
    )
    signs = {"new": "1", "old": "-1"}
    for verb, parts in (("INSERT", ("new",)), ("UPDATE", ("new", "old")), ("DELETE", ("old",))):
        changes = " UNION ALL ".join(f"SELECT tenant_id, list_id, state, {signs[part]} AS n FROM {part}_rows" for part in parts)
        lookup_trigger(
            f"subscriptions_counted_{verb.lower()}",
            after=verb,
            table="subscription",
            seen=" ".join(f"{part.upper()} TABLE AS {part}_rows" for part in parts),
            statement=(
                "INSERT INTO list_tally (tenant_id, list_id, state, count) SELECT c.tenant_id, c.list_id, c.state, sum(c.n)"
                f" FROM ({changes}) c GROUP BY 1, 2, 3 HAVING sum(c.n) <> 0"
            ),
        )
    lookup_function(
        "tenants_fold_lists(p_most integer)",
        returns="bigint",
        body=(
            "WITH gone AS (DELETE FROM list_tally t USING (SELECT o.tenant_id, o.id FROM list_tally o ORDER BY o.tenant_id, o.id"
            " LIMIT p_most FOR UPDATE SKIP LOCKED) o WHERE t.tenant_id = o.tenant_id AND t.id = o.id RETURNING t.*),"
            " folded AS (INSERT INTO list_count AS c (tenant_id, list_id, state, count)"
            " SELECT g.tenant_id, g.list_id, g.state, sum(g.count) FROM gone g GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            " ON CONFLICT (tenant_id, list_id, state) DO UPDATE SET count = c.count + excluded.count)"
            " SELECT count(*) FROM gone"
        ),
        callers=("worker", "sched"),
        volatility="VOLATILE",
    )


def _imports() -> None:
    tenant_table(
        "contact_import",
        sa.Column("list_id", sa.BigInteger),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("stored_name", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("bytes_done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("shape", JSONB, nullable=False),
        sa.Column("mapping", JSONB, nullable=False),
        *_counters("rows_done", "imported", "updated", "duplicate", "refused", "subscribed", "kept_away"),
        sa.Column("problem_code", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("started_at", _WHEN),
        sa.Column("finished_at", _WHEN),
        references=[Ref(("list_id",), "contact_list", on_delete="SET NULL")],
        checks=[
            ("state", "state IN ('previewed', 'running', 'done', 'failed', 'cancelled')"),
            ("every_row_counted", "rows_done = imported + updated + duplicate + refused"),
        ],
        indexes=[Index(("created_at",)), Index(("list_id",))],
    )
    tenant_table(
        "import_refusal",
        sa.Column("import_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("row_number", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("column_name", sa.Text, nullable=False),
        sa.Column("cells", JSONB, nullable=False),
        references=[Ref(("import_id",), "contact_import", on_delete="CASCADE")],
        anchored=False,
        with_id=False,
    )


def _counters(*names: str) -> Sequence[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in names]


def _suppressions() -> None:
    tenant_table(
        "suppression",
        sa.Column("address", _COMPARED, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reach", sa.Text, nullable=False),
        sa.Column("target", _COMPARED, nullable=False),
        sa.Column("stream", sa.Text),
        sa.Column("list_id", sa.BigInteger),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("at", _WHEN, nullable=False),
        unique=[("address", "target")],
        references=[Ref(("list_id",), "contact_list", on_delete="CASCADE")],
        checks=[
            ("reach", "reach IN ('tenant', 'stream', 'list')"),
            ("stream", "(reach = 'stream') = (stream IS NOT NULL)"),
            ("list", "(reach = 'list') = (list_id IS NOT NULL)"),
        ],
        indexes=[Index(("list_id",), where="list_id IS NOT NULL")],
    )
    reseller_table(
        "reseller_suppression",
        sa.Column("address", _COMPARED, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        unique=[("address",)],
    )
    platform_table(
        "platform_suppression",
        sa.Column("address", _COMPARED, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        unique=[("address",)],
        grants=Grants(operator=EVERYTHING, lookup="select (address)"),
    )
    # Tells which of the given addresses nobody on the installation may write to, and nothing else about them.
    lookup_function(
        "posthouse_platform_suppressed(addresses text[])",
        returns="SETOF text",
        body="SELECT address FROM platform_suppression WHERE address = ANY (addresses)",
        callers=("app", "worker"),
    )


def downgrade() -> None:
    """Drop what this revision names."""
    drop_lookups("posthouse_platform_suppressed(text[])")
    drop_tables("platform_suppression", "reseller_suppression", "suppression", "import_refusal", "contact_import", "subscription")
    drop_lookups("tenants_fold_lists(integer)")
    drop_lookups(*(f"subscriptions_counted_{verb}()" for verb in ("insert", "update", "delete")))
    drop_tables("list_count", "list_tally", "contact_list", "contact", "contact_field")

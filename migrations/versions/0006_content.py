"""Makes sending domains, campaigns and their revisions."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    Ref,
    drop_lookups,
    drop_tables,
    lookup_function,
    platform_table,
    tenant_table,
)

revision = "0006_content"
down_revision = "0005_billing"

_WHEN = sa.DateTime(timezone=True)
_COMPARED = sa.Text(collation="C")


def upgrade() -> None:
    """Create what this revision names."""
    _domains()
    _claims()
    _campaigns()
    _counters()
    _single_messages()
    _ready_made()
    _engagement()
    _hits()


def _domains() -> None:
    tenant_table(
        "sending_domain",
        sa.Column("domain", _COMPARED, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("claim_code", sa.Text, nullable=False),
        sa.Column("selector", sa.Text, nullable=False),
        sa.Column("dkim_sealed", sa.LargeBinary, nullable=False),
        sa.Column("dkim_record", sa.Text, nullable=False),
        sa.Column("findings", JSONB, nullable=False, server_default="{}"),
        sa.Column("return_path_ok", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("tracking_ok", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("checked_at", _WHEN),
        sa.Column("verified_at", _WHEN),
        sa.Column("absent_since", _WHEN),
        unique=[("domain",)],
        checks=[("state", "state IN ('pending', 'verified', 'refused')")],
        indexes=[Index(("checked_at",))],
    )


def _claims() -> None:
    """Keep who holds which domain, across tenants; seen through two functions that answer about one name."""
    platform_table(
        "domain_claim",
        sa.Column("domain", _COMPARED, nullable=False),
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False),
        sa.Column("held_since", _WHEN, nullable=False),
        sa.Column("released_at", _WHEN),
        unique=[("domain",)],
        grants=Grants(lookup="select, insert, update", operator="select, delete"),
    )
    # Takes the domain for the tenant and says so; false where another holds it or gave it up less than 30 days ago.
    lookup_function(
        "domain_claim_take(p_domain text, p_tenant_id bigint, p_at timestamptz)",
        returns="boolean",
        body=(
            "INSERT INTO domain_claim AS c (domain, for_tenant_id, held_since) VALUES (p_domain, p_tenant_id, p_at)"
            " ON CONFLICT (domain) DO UPDATE SET for_tenant_id = p_tenant_id, released_at = NULL,"
            " held_since = CASE WHEN c.for_tenant_id = p_tenant_id THEN c.held_since ELSE p_at END"
            " WHERE c.for_tenant_id = p_tenant_id OR c.released_at < p_at - interval '30 days'"
            " RETURNING true"
        ),
        callers=("app", "worker"),
        volatility="VOLATILE",
    )
    lookup_function(
        "domain_claim_release(p_domain text, p_tenant_id bigint, p_at timestamptz)",
        returns="void",
        body=("UPDATE domain_claim SET released_at = p_at WHERE domain = p_domain AND for_tenant_id = p_tenant_id AND released_at IS NULL"),
        callers=("app", "worker"),
        volatility="VOLATILE",
    )


def _campaigns() -> None:
    tenant_table(
        "campaign",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("resumes_at", _WHEN),
        sa.Column("list_id", sa.BigInteger),
        sa.Column("domain_id", sa.BigInteger),
        # A pool that is gone, or no longer the reseller's, counts for nothing.
        sa.Column("pool_id", sa.BigInteger),
        sa.Column("from_name", sa.Text, nullable=False, server_default=""),
        sa.Column("from_local", sa.Text, nullable=False, server_default=""),
        sa.Column("reply_to", sa.Text, nullable=False, server_default=""),
        sa.Column("subject", sa.Text, nullable=False, server_default=""),
        sa.Column("preheader", sa.Text, nullable=False, server_default=""),
        sa.Column("kind", sa.Text, nullable=False, server_default="html"),
        sa.Column("html", sa.Text, nullable=False, server_default=""),
        sa.Column("text", sa.Text, nullable=False, server_default=""),
        sa.Column("revision_id", sa.BigInteger),
        sa.Column("expanded_to", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("expand_until", sa.BigInteger),
        sa.Column("expanded_at", _WHEN),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("started_at", _WHEN),
        sa.Column("finished_at", _WHEN),
        references=[
            Ref(("list_id",), "contact_list", on_delete="SET NULL"),
            Ref(("domain_id",), "sending_domain", on_delete="SET NULL"),
        ],
        checks=[
            ("state", "state IN ('draft', 'starting', 'sending', 'paused', 'waiting', 'stopped', 'finished')"),
            ("kind", "kind IN ('html', 'mjml')"),
        ],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING, lookup="select (tenant_id, id, state)"),
        indexes=[Index(("created_at",)), Index(("list_id",)), Index(("domain_id",)), Index(("state",))],
    )
    # What is sent is never changed: no role may update or delete a revision. One that was made for people who are all forgotten
    # is emptied, by the functions of 0007 alone.
    tenant_table(
        "campaign_revision",
        sa.Column("campaign_id", sa.BigInteger),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("content_hash", sa.LargeBinary, nullable=False),
        sa.Column("source", JSONB, nullable=False),
        sa.Column("compiled", JSONB, nullable=False),
        sa.Column("domain_id", sa.BigInteger, nullable=False),
        sa.Column("list_id", sa.BigInteger),
        sa.Column("from_name", sa.Text, nullable=False),
        sa.Column("from_address", sa.Text, nullable=False),
        sa.Column("reply_to", sa.Text, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        references=[Ref(("campaign_id",), "campaign")],
        checks=[("stream", "stream IN ('marketing', 'transactional')")],
        indexes=[
            Index(("campaign_id", "number"), unique=True, where="campaign_id IS NOT NULL"),
            Index(("content_hash",), unique=True, where="campaign_id IS NULL"),
        ],
        grants=Grants(
            app="select, insert",
            worker="select, insert",
            lookup="select (tenant_id, id, campaign_id, content_hash, source, compiled), update (content_hash, source, compiled, from_name, reply_to)",
        ),
    )
    tenant_table(
        "campaign_skip",
        sa.Column("campaign_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("contact_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        references=[Ref(("campaign_id",), "campaign", on_delete="CASCADE")],
        anchored=False,
        with_id=False,
    )


def _counters() -> None:
    """One row a figure: `facet` is total, minute, domain or link, `part` the minute, domain or link that it is of."""
    tenant_table(
        "campaign_count",
        sa.Column("campaign_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("facet", sa.Text, nullable=False, primary_key=True),
        sa.Column("part", _COMPARED, nullable=False, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        references=[Ref(("campaign_id",), "campaign", on_delete="CASCADE")],
        checks=[("facet", "facet IN ('total', 'minute', 'domain', 'link')")],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING, lookup="select (tenant_id, campaign_id, facet, kind, count)"),
        anchored=False,
        with_id=False,
        storage="fillfactor = 50",
    )


def _single_messages() -> None:
    tenant_table(
        "single_message_key",
        sa.Column("key", _COMPARED, nullable=False),
        sa.Column("body_hash", sa.LargeBinary, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        unique=[("key",)],
        indexes=[Index(("at",))],
        grants=Grants(app=EVERYTHING, worker=EVERYTHING, lookup="select (tenant_id, key, at), delete"),
        anchored=False,
    )


def _ready_made() -> None:
    """What programs wrote themselves: the header and body of such a revision, and what they noted on a message."""
    tenant_table(
        "mime_letter",
        sa.Column("revision_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        references=[Ref(("revision_id",), "campaign_revision", on_delete="CASCADE")],
        indexes=[Index(("created_at",))],
        grants=Grants(app="select, insert", worker="select, insert, delete", lookup="select (tenant_id, revision_id, created_at), delete"),
        anchored=False,
        with_id=False,
    )
    tenant_table(
        "message_label",
        sa.Column("message_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("tags", ARRAY(sa.Text), nullable=False),
        sa.Column("metadata", JSONB, nullable=False),
        grants=Grants(app="select, insert, delete", worker="select, insert, delete"),
        anchored=False,
        with_id=False,
    )
    # Messages are looked for by tag: row security keeps an index on the array from being used.
    tenant_table(
        "message_tag",
        sa.Column("tag", _COMPARED, nullable=False, primary_key=True),
        sa.Column("message_id", sa.BigInteger, nullable=False, primary_key=True),
        indexes=[Index(("message_id",))],
        grants=Grants(app="select, insert, delete", worker="select, insert, delete"),
        anchored=False,
        with_id=False,
    )


def _hits() -> None:
    """Opens and clicks as they came in, before they are sorted into their tenants; the edge may only add."""
    platform_table(
        "tracking_hit",
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("revision_id", sa.BigInteger),
        sa.Column("link", sa.Integer),
        sa.Column("machine", sa.Text, nullable=False, server_default=""),
        sa.Column("at", _WHEN, nullable=False),
        checks=[("kind", "kind IN ('open', 'click')")],
        indexes=[Index(("for_tenant_id",), name="ix_tracking_hit_tenant")],
        grants=Grants(app="insert", edge="insert", worker="select, insert, delete"),
    )


def _engagement() -> None:
    """What a recipient did with one message: persons' and machines' visits apart, the first person's time kept."""
    tenant_table(
        "message_engagement",
        sa.Column("message_id", sa.BigInteger, nullable=False, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False, primary_key=True),
        sa.Column("people", sa.Integer, nullable=False),
        sa.Column("machines", sa.Integer, nullable=False),
        sa.Column("first_at", _WHEN),
        sa.Column("last_at", _WHEN, nullable=False),
        checks=[("kind", "kind IN ('open', 'click', 'unsubscribe')")],
        anchored=False,
        with_id=False,
        storage="fillfactor = 80",
    )


def downgrade() -> None:
    """Drop what this revision names."""
    drop_lookups("domain_claim_take(text, bigint, timestamptz)", "domain_claim_release(text, bigint, timestamptz)")
    drop_tables(
        "tracking_hit",
        "message_engagement",
        "message_label",
        "message_tag",
        "mime_letter",
        "single_message_key",
        "campaign_count",
        "campaign_skip",
        "campaign_revision",
        "campaign",
    )
    drop_tables("domain_claim", "sending_domain")

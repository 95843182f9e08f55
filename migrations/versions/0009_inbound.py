"""Makes the mailroom's tables: mail that names a tenant, and mail that names nobody."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import Grants, Index, Ref, drop_lookups, drop_tables, lookup_function, platform_table, tenant_table

revision = "0009_inbound"
down_revision = "0008_routes"

_WHEN = sa.DateTime(timezone=True)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("sorted_at", _WHEN, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("sender", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("peer", sa.Text, nullable=False),
        sa.Column("understood", JSONB, nullable=False),
        sa.Column("trouble", sa.Text),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
    ]


def upgrade() -> None:
    """Create what this revision names."""
    tenant_table(
        "inbound_mail",
        *_columns(),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("effect", sa.Text, nullable=False),
        unique=[("fingerprint",)],
        indexes=[
            Index(("id",), name="ix_inbound_mail_newest"),
            Index(("message_id",), where="message_id IS NOT NULL"),
        ],
        grants=Grants(
            app="select",
            worker="select, insert, update (kind, rule, sender, author, subject, peer, understood, trouble, raw, effect), delete",
            lookup="select (tenant_id, id, effect)",
        ),
        anchored=False,
    )
    tenant_table(
        "reply_thread",
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("contact_id", sa.BigInteger),
        sa.Column("last_mail_id", sa.BigInteger, nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("forwarded", sa.Integer, nullable=False, server_default="0"),
        sa.Column("trouble", sa.Text, nullable=False, server_default=""),
        sa.Column("first_at", _WHEN, nullable=False),
        sa.Column("last_at", _WHEN, nullable=False),
        sa.Column("unread", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("done_at", _WHEN),
        unique=[("message_id",)],
        indexes=[Index(("last_mail_id",)), Index(("contact_id",), where="contact_id IS NOT NULL")],
        grants=Grants(app="select, update (unread, done_at)", worker="select, insert, update"),
    )
    tenant_table(
        "answer_forward",
        sa.Column("mail_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("forward_id", sa.BigInteger, nullable=False),
        sa.Column("at", _WHEN, nullable=False),
        unique=[("mail_id",)],
        indexes=[Index(("message_id",)), Index(("forward_id",))],
        grants=Grants(app="select", worker="select, insert"),
    )
    platform_table(
        "unmatched_mail",
        *_columns(),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("said_kind", sa.Text),
        sa.Column("said_by", sa.BigInteger),
        sa.Column("said_at", _WHEN),
        sa.Column("settled_at", _WHEN),
        sa.Column("about_message_id", sa.BigInteger),
        unique=[("fingerprint",)],
        indexes=[
            Index(("id",), where="said_at IS NULL", name="ix_unmatched_mail_waiting"),
            Index(("why",)),
            Index(("received_at",)),
            Index(("about_message_id",), where="about_message_id IS NOT NULL"),
        ],
        grants=Grants(
            worker="select, insert, update (kind, rule, understood, settled_at), delete",
            operator="select, update (said_kind, said_by, said_at)",
        ),
    )
    # Keyed hashes of erased addresses, which late mail may still name.
    platform_table(
        "forgotten_address",
        sa.Column("address_hash", sa.LargeBinary, nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        unique=[("address_hash",)],
        indexes=[Index(('"until"',), name="ix_forgotten_address_until")],
        grants=Grants(worker="select, insert, update (until), delete"),
    )
    platform_table(
        "provider_hook",
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        grants=Grants(app="select", worker="select", operator="select, insert, update (secret), delete"),
    )
    platform_table(
        "provider_report",
        sa.Column("hook_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("event_key", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("sorted_at", _WHEN),
        sa.Column("events", sa.Integer),
        unique=[("hook_id", "fingerprint")],
        references=[Ref(("hook_id",), "provider_hook", on_delete="CASCADE")],
        indexes=[Index(("received_at",))],
        grants=Grants(
            app="select (id, hook_id, fingerprint), insert",
            worker="select, insert, update (sorted_at, events, body, url), delete",
            operator="select, delete",
        ),
    )
    platform_table(
        "inbound_tally",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("mails", sa.BigInteger, nullable=False),
        unique=[("day", "what")],
        grants=Grants(worker="select, insert, update (mails), delete", operator="select"),
    )
    platform_table(
        "learned_rule",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "phrase", "status", "sender", "kind", "reason", "state")),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("sample", sa.LargeBinary, nullable=False),
        sa.Column("sample_of", sa.BigInteger),
        sa.Column("made_by", sa.BigInteger),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("activated_at", _WHEN),
        checks=[("state", "state IN ('draft', 'active', 'retired')")],
        grants=Grants(app="select", worker="select, update (sample)", operator="select, insert, update (state, activated_at), delete"),
    )
    platform_table(
        "brought_mail",
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False),
        sa.Column("raw", sa.LargeBinary, nullable=False),
        sa.Column("brought_at", _WHEN, nullable=False),
        grants=Grants(app="select (id), insert", worker="select, insert, delete", operator="select, insert, delete"),
    )
    platform_table(
        "bounce_box",
        *(sa.Column(name, sa.Text, nullable=False) for name in ("label", "protocol", "host", "tls", "username", "folder", "afterwards")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("move_to", "state", "trouble", "signs_in", "token_url", "client_id")),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("verify_tls", sa.Boolean, nullable=False),
        sa.Column("password_sealed", sa.LargeBinary, nullable=False),
        sa.Column("validity", sa.BigInteger, nullable=False),
        sa.Column("low", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("polled_at", _WHEN),
        sa.Column("next_at", _WHEN, nullable=False),
        sa.Column("leased_until", _WHEN),
        sa.Column("created_at", _WHEN, nullable=False),
        checks=[("protocol", "protocol IN ('imap', 'pop3')"), ("state", "state IN ('active', 'paused')")],
        indexes=[Index(("next_at",), where="state = 'active'")],
        grants=Grants(worker="select, update", operator="select, insert, update, delete"),
    )
    platform_table(
        "bounce_box_mail",
        sa.Column("box_id", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("taken_at", _WHEN, nullable=False),
        sa.Column("taken", sa.Boolean, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        unique=[("box_id", "key")],
        references=[Ref(("box_id",), "bounce_box", on_delete="CASCADE")],
        grants=Grants(worker="select, insert, update, delete", operator="select, delete"),
    )
    tenant_table(
        "domain_report",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("org", sa.Text, nullable=False),
        sa.Column("report_id", sa.Text, nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("begins_at", _WHEN, nullable=False),
        sa.Column("ends_at", _WHEN, nullable=False),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("passed", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.Text),
        unique=[("kind", "domain", "org", "report_id")],
        checks=[("kind", "kind IN ('dmarc', 'tlsrpt')")],
        indexes=[Index(("domain", "kind", "ends_at"))],
        grants=Grants(app="select", worker="select, insert"),
        anchored=False,
    )
    tenant_table(
        "domain_report_source",
        sa.Column("domain_report_id", sa.BigInteger, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("passed", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        references=[Ref(("domain_report_id",), "domain_report", on_delete="CASCADE")],
        indexes=[Index(("domain_report_id",))],
        grants=Grants(app="select", worker="select, insert"),
        anchored=False,
    )
    # A report about a domain names no message; it belongs to the tenant that holds the domain.
    lookup_function(
        "domain_holder(p_domain text)",
        returns="bigint",
        body="SELECT for_tenant_id FROM domain_claim WHERE domain = p_domain AND released_at IS NULL",
        callers=("edge", "worker"),
    )
    lookup_function(
        "inbound_tenants_before(p_id bigint)",
        returns="TABLE (o_tenant_id bigint, o_reseller_id bigint)",
        body="SELECT t.id, t.reseller_id FROM tenant t WHERE EXISTS (SELECT 1 FROM inbound_mail m WHERE m.tenant_id = t.id AND m.id < p_id AND m.effect <> 'answered')",
        callers=("worker",),
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_lookups("inbound_tenants_before(bigint)", "domain_holder(text)")
    drop_tables(
        "domain_report_source",
        "domain_report",
        "inbound_tally",
        "learned_rule",
        "brought_mail",
        "bounce_box_mail",
        "bounce_box",
        "provider_report",
        "provider_hook",
        "unmatched_mail",
        "forgotten_address",
        "answer_forward",
        "reply_thread",
        "inbound_mail",
    )

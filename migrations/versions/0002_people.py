"""Makes resellers, tenants, people, roles and keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from posthouse.platform.schema import (
    EVERYTHING,
    Grants,
    Index,
    drop_lookups,
    drop_tables,
    lookup_function,
    platform_table,
    reseller_table,
    tenant_table,
)

revision = "0002_people"
down_revision = "0001_platform"

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tree operator > reseller > tenant, people and their places in it, sessions, keys, brand and audit."""
    _resellers()
    _tenants()
    _people()
    _sessions_and_keys()
    _audit()
    _lookups()


def _resellers() -> None:
    platform_table(
        "reseller",
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("slug",)],
        checks=[("state", "state IN ('active', 'suspended', 'closed')")],
        grants=Grants(app="select", worker="select", edge="select", sched="select", lookup="select", operator="select, insert, update"),
    )
    reseller_table(
        "brand",
        sa.Column("product_name", sa.Text, nullable=False),
        sa.Column("primary_colour", sa.Text, nullable=False),
        sa.Column("logo", sa.LargeBinary),
        sa.Column("logo_type", sa.Text),
        sa.Column("support_email", sa.Text, nullable=False, server_default=""),
        sa.Column("support_url", sa.Text, nullable=False, server_default=""),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        grants=Grants(app="select, insert, update", worker="select, insert, update", operator=EVERYTHING, lookup="select"),
        with_id=False,
    )
    platform_table(
        "web_host",
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("for_reseller_id", sa.BigInteger, sa.ForeignKey("reseller.id"), nullable=False),
        unique=[("host",)],
        grants=Grants(app="select", worker="select", operator=EVERYTHING),
    )


def _tenants() -> None:
    reseller_table(
        "tenant",
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("state_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("slug",)],
        checks=[("state", "state IN ('active', 'grace', 'paused', 'suspended', 'closed')")],
        grants=Grants(app="select, insert, update", worker="select, insert, update", sched="select", lookup="select", operator="select"),
        about="id",
    )
    # The anchor of all rows of a tenant: the one table that others' foreign keys point at.
    op.create_table(
        "tenant_profile",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True),
        sa.Column("legal_name", sa.Text, nullable=False),
        sa.Column("postal_address", sa.Text, nullable=False, server_default=""),
        sa.Column("website", sa.Text, nullable=False, server_default=""),
        sa.Column("timezone", sa.Text, nullable=False, server_default="UTC"),
        sa.Column("locale", sa.Text, nullable=False, server_default="en"),
        # Where people's answers go: to the From address, to our inbox, or from there on to an address.
        sa.Column("replies", sa.Text, nullable=False, server_default="own"),
        sa.Column("replies_to", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("replies IN ('own', 'inbox', 'forward')", name="ck_tenant_profile_replies"),
    )
    op.execute("ALTER TABLE tenant_profile ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE tenant_profile FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_scope ON tenant_profile TO posthouse_app, posthouse_worker"
        " USING (tenant_id = (SELECT nullif(current_setting('posthouse.tenant_id', true), '')::bigint))"
        " WITH CHECK (tenant_id = (SELECT nullif(current_setting('posthouse.tenant_id', true), '')::bigint))"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON tenant_profile TO posthouse_app, posthouse_worker")
    op.execute("CREATE POLICY across_lookup ON tenant_profile TO posthouse_lookup USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT (tenant_id, timezone) ON tenant_profile TO posthouse_lookup")
    # No tenant stands in the directory without the row that all others of its rows hang on, not even for a moment. Whoever
    # opens it runs this under the same policies; the context is lent for the one statement.
    op.execute(
        "CREATE FUNCTION tenant_gets_profile() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE held text; BEGIN"
        " held := coalesce(current_setting('posthouse.tenant_id', true), '');"
        " PERFORM set_config('posthouse.tenant_id', NEW.id::text, true);"
        " INSERT INTO tenant_profile (tenant_id, legal_name) VALUES (NEW.id, NEW.name);"
        " PERFORM set_config('posthouse.tenant_id', held, true);"
        " RETURN NULL; END $$"
    )
    op.execute("CREATE TRIGGER tenant_gets_profile AFTER INSERT ON tenant FOR EACH ROW EXECUTE FUNCTION tenant_gets_profile()")


def _people() -> None:
    platform_table(
        "app_user",
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_norm", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("locale", sa.Text, nullable=False, server_default="en"),
        sa.Column("timezone", sa.Text, nullable=False, server_default=""),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("signed_in_at", _WHEN),
        sa.Column("disabled_at", _WHEN),
        unique=[("email_norm",)],
        # Nobody reads people's hashes at large: look-up functions give one row for an exact match.
        grants=Grants(lookup="select, insert, update"),
    )
    platform_table(
        "operator_member",
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("user_id",)],
        grants=Grants(operator=EVERYTHING, lookup="select"),
    )
    for make, table in ((reseller_table, "reseller_member"), (tenant_table, "tenant_member")):
        make(
            table,
            sa.Column("user_id", sa.BigInteger, nullable=False),
            sa.Column("role", sa.Text, nullable=False),
            sa.Column("email", sa.Text, nullable=False),
            sa.Column("name", sa.Text, nullable=False),
            sa.Column("created_at", _WHEN, nullable=False),
            unique=[("user_id",)],
            grants=Grants(app=EVERYTHING, worker=EVERYTHING, lookup="select"),
        )
        op.create_index(f"ix_{table}_user", table, ["user_id"])


def _sessions_and_keys() -> None:
    platform_table(
        "user_session",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("app_user.id"), nullable=False),
        sa.Column("reach", sa.Text),
        sa.Column("for_reseller_id", sa.BigInteger),
        sa.Column("for_tenant_id", sa.BigInteger),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("seen_at", _WHEN, nullable=False),
        sa.Column("expires_at", _WHEN, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("entered_from", sa.Text),
        sa.Column("entered_mode", sa.Text),
        sa.Column("entered_why", sa.Text),
        sa.Column("entered_until", _WHEN),
        unique=[("token_hash",)],
        checks=[
            ("entered", "num_nulls(entered_from, entered_mode, entered_why, entered_until) IN (0, 4)"),
            ("entered_from", "entered_from IN ('operator', 'reseller')"),
            ("entered_mode", "entered_mode IN ('read', 'act')"),
        ],
        indexes=[Index(("user_id",)), Index(("expires_at",))],
        grants=Grants(app=EVERYTHING, worker="select, delete", lookup="delete, select"),
    )
    tenant_table(
        "api_key",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("permissions", ARRAY(sa.Text), nullable=False),
        sa.Column("made_by", sa.BigInteger, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        sa.Column("used_at", _WHEN),
        sa.Column("revoked_at", _WHEN),
        unique=[("key_hash",)],
        grants=Grants(app="select, insert, update", worker="select, update", lookup="select"),
    )
    # Who from outside worked in the tenant: its own people read it here.
    tenant_table(
        "tenant_stay",
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("entered_at", _WHEN, nullable=False),
        sa.Column("until", _WHEN, nullable=False),
        sa.Column("left_at", _WHEN),
        checks=[("mode", "mode IN ('read', 'act')")],
        indexes=[Index(("entered_at",))],
        grants=Grants(app="select, insert, update (left_at)", worker="select"),
    )
    # Before the tenant is known a key is found by its hash alone; not unique, so it tells nobody of others' keys.
    op.create_index("ix_api_key_hash", "api_key", ["key_hash"])


def _audit() -> None:
    for make, table in ((reseller_table, "reseller_audit"), (tenant_table, "tenant_audit")):
        make(
            table,
            sa.Column("at", _WHEN, nullable=False),
            sa.Column("actor_kind", sa.Text, nullable=False),
            sa.Column("actor_id", sa.BigInteger),
            sa.Column("actor_label", sa.Text, nullable=False),
            sa.Column("verb", sa.Text, nullable=False),
            sa.Column("subject", sa.Text, nullable=False),
            sa.Column("subject_id", sa.BigInteger),
            sa.Column("reason", sa.Text, nullable=False),
            sa.Column("origin", sa.Text, nullable=False),
            sa.Column("request_id", sa.Text, nullable=False),
            sa.Column("facts", JSONB, nullable=False),
            grants=Grants(app="select, insert", worker="select, insert"),
        )


def _lookups() -> None:
    lookup_function(
        "lookup_user(p_email_norm text)",
        returns="TABLE (id bigint, email text, name text, password_hash text, locale text, disabled boolean)",
        body="SELECT u.id, u.email, u.name, u.password_hash, u.locale, u.disabled_at IS NOT NULL FROM app_user u WHERE u.email_norm = p_email_norm",
        callers=("app", "worker", "operator"),
    )
    lookup_function(
        "lookup_user_by_id(p_id bigint)",
        returns="TABLE (id bigint, email text, name text, password_hash text, locale text, timezone text, disabled boolean)",
        body=(
            "SELECT u.id, u.email, u.name, u.password_hash, u.locale, u.timezone, u.disabled_at IS NOT NULL FROM app_user u WHERE u.id = p_id"
        ),
        callers=("app", "worker", "operator"),
    )
    lookup_function(
        "people_add_user(p_email text, p_email_norm text, p_name text, p_hash text, p_at timestamptz)",
        returns="bigint",
        body="INSERT INTO app_user (email, email_norm, name, password_hash, created_at)"
        " VALUES (p_email, p_email_norm, p_name, p_hash, p_at) ON CONFLICT (email_norm) DO NOTHING RETURNING id",
        callers=("app", "worker", "operator"),
        volatility="VOLATILE",
    )
    lookup_function(
        "people_set_password(p_id bigint, p_hash text)",
        returns="void",
        body="UPDATE app_user SET password_hash = p_hash WHERE id = p_id; DELETE FROM user_session WHERE user_id = p_id;",
        callers=("app", "worker", "operator"),
        volatility="VOLATILE",
    )
    lookup_function(
        "people_set_timezone(p_id bigint, p_timezone text)",
        returns="void",
        body="UPDATE app_user SET timezone = p_timezone WHERE id = p_id",
        callers=("app",),
        volatility="VOLATILE",
    )
    lookup_function(
        "people_signed_in(p_id bigint, p_at timestamptz)",
        returns="void",
        body="UPDATE app_user SET signed_in_at = p_at WHERE id = p_id",
        callers=("app",),
        volatility="VOLATILE",
    )
    lookup_function(
        "lookup_memberships(p_user_id bigint)",
        returns="TABLE (reach text, reseller_id bigint, tenant_id bigint, role text, name text, state text, timezone text)",
        body=(
            "SELECT 'operator', NULL::bigint, NULL::bigint, m.role, ''::text, 'active'::text, 'UTC'::text"
            " FROM operator_member m WHERE m.user_id = p_user_id"
            " UNION ALL SELECT 'reseller', r.id, NULL, m.role, r.name, r.state, 'UTC' FROM reseller_member m"
            " JOIN reseller r ON r.id = m.reseller_id WHERE m.user_id = p_user_id"
            " UNION ALL SELECT 'tenant', t.reseller_id, t.id, m.role, t.name, t.state, coalesce(p.timezone, 'UTC') FROM tenant_member m"
            " JOIN tenant t ON t.id = m.tenant_id LEFT JOIN tenant_profile p ON p.tenant_id = t.id WHERE m.user_id = p_user_id"
        ),
        callers=("app", "worker", "operator"),
    )
    lookup_function(
        "lookup_api_key(p_hash bytea)",
        returns="TABLE (tenant_id bigint, reseller_id bigint, id bigint, name text, permissions text[], made_by bigint, role text, revoked boolean, state text)",
        body=(
            "SELECT k.tenant_id, t.reseller_id, k.id, k.name, k.permissions, k.made_by, m.role, k.revoked_at IS NOT NULL, t.state"
            " FROM api_key k JOIN tenant t ON t.id = k.tenant_id"
            " LEFT JOIN tenant_member m ON m.tenant_id = k.tenant_id AND m.user_id = k.made_by WHERE k.key_hash = p_hash"
        ),
        callers=("app", "worker", "edge"),
    )
    lookup_function(
        "lookup_tenant(p_tenant_id bigint)",
        returns="TABLE (reseller_id bigint, state text, name text, timezone text)",
        body=(
            "SELECT t.reseller_id, t.state, t.name, coalesce(p.timezone, 'UTC') FROM tenant t"
            " LEFT JOIN tenant_profile p ON p.tenant_id = t.id WHERE t.id = p_tenant_id"
        ),
        callers=("app", "worker", "edge", "sched", "operator"),
    )
    op.create_index("ix_tenant_id", "tenant", ["id"])
    lookup_function(
        "lookup_brand(p_reseller_id bigint)",
        returns="TABLE (product_name text, primary_colour text, logo bytea, logo_type text, support_email text, support_url text, version integer)",
        body=(
            "SELECT b.product_name, b.primary_colour, b.logo, b.logo_type, b.support_email, b.support_url, b.version"
            " FROM brand b WHERE b.reseller_id = p_reseller_id"
        ),
        callers=("app", "worker"),
    )


def downgrade() -> None:
    """Drop what this revision made."""
    drop_lookups(
        "lookup_user(text)",
        "lookup_user_by_id(bigint)",
        "people_add_user(text, text, text, text, timestamptz)",
        "people_set_password(bigint, text)",
        "people_set_timezone(bigint, text)",
        "people_signed_in(bigint, timestamptz)",
        "lookup_memberships(bigint)",
        "lookup_api_key(bytea)",
        "lookup_tenant(bigint)",
        "lookup_brand(bigint)",
    )
    drop_tables(
        "tenant_audit",
        "reseller_audit",
        "tenant_stay",
        "api_key",
        "user_session",
        "tenant_member",
        "reseller_member",
        "operator_member",
        "app_user",
        "tenant",
        "web_host",
        "brand",
        "tenant_profile",
        "reseller",
    )
    op.execute("DROP FUNCTION tenant_gets_profile()")

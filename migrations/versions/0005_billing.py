"""Makes plans, subscriptions and Stripe's accounts, customers and events."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from posthouse.platform.schema import Grants, Index, Ref, drop_lookups, drop_tables, lookup_function, reseller_table, tenant_table

revision = "0005_billing"
down_revision = "0004_quotas"

_WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create what this revision names."""
    _accounts()
    _plans()
    _customers_and_events()
    _subscriptions()
    _lookups()


def _accounts() -> None:
    reseller_table(
        "stripe_account",
        sa.Column("stripe_account", sa.Text, nullable=False),
        sa.Column("livemode", sa.Boolean, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("api_key", sa.LargeBinary, nullable=False),
        sa.Column("webhook_secret", sa.LargeBinary),
        sa.Column("webhook_secret_before", sa.LargeBinary),
        sa.Column("endpoint_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("connected_at", _WHEN, nullable=False),
        sa.Column("reconciled_at", _WHEN),
        unique=[("stripe_account", "livemode")],
        checks=[("state", "state IN ('connected', 'retired')")],
        indexes=[Index(("state",), unique=True, where="state = 'connected'", name="uq_stripe_account_connected")],
        grants=Grants(app="select, insert, update", worker="select, insert, update", lookup="select (reseller_id, id, state)"),
    )


def _plans() -> None:
    reseller_table(
        "plan",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default="0"),
        sa.Column("price_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("every", sa.Text, nullable=False),
        sa.Column("account_id", sa.BigInteger),
        sa.Column("stripe_price", sa.Text),
        sa.Column("stripe_product", sa.Text),
        sa.Column("messages_month", sa.BigInteger),
        sa.Column("messages_day", sa.BigInteger),
        sa.Column("messages_hour", sa.BigInteger),
        sa.Column("contacts", sa.BigInteger),
        sa.Column("features", JSONB, nullable=False, server_default="[]"),
        sa.Column("weight", sa.Integer, nullable=False, server_default="1"),
        sa.Column("grace_days", sa.Integer, nullable=False, server_default="7"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("account_id", "stripe_price")],
        references=[Ref(("account_id",), "stripe_account")],
        checks=[
            ("price_minor", "price_minor >= 0"),
            ("currency", "currency ~ '^[a-z]{3}$'"),
            ("every", "every IN ('month', 'year')"),
            ("allowances", "least(messages_month, messages_day, messages_hour, contacts, 0) >= 0"),
            ("weight", "weight BETWEEN 1 AND 1000"),
            ("grace_days", "grace_days BETWEEN 0 AND 60"),
            ("state", "state IN ('draft', 'offered', 'withdrawn')"),
            ("offered_has_price", "state = 'draft' OR stripe_price IS NOT NULL"),
        ],
        grants=Grants(app="select, insert, update", worker="select, insert, update"),
    )


def _customers_and_events() -> None:
    reseller_table(
        "stripe_customer",
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("customer", sa.Text, nullable=False),
        sa.Column("for_tenant_id", sa.BigInteger, nullable=False),
        sa.Column("created_at", _WHEN, nullable=False),
        unique=[("account_id", "customer"), ("account_id", "for_tenant_id")],
        references=[Ref(("account_id",), "stripe_account"), Ref(("for_tenant_id",), "tenant")],
        grants=Grants(app="select, insert", worker="select, insert"),
        about="for_tenant_id",
    )
    reseller_table(
        "stripe_event",
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("customer", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text),
        sa.Column("received_at", _WHEN, nullable=False),
        sa.Column("processed_at", _WHEN),
        unique=[("account_id", "event")],
        references=[Ref(("account_id",), "stripe_account")],
        checks=[("state", "state IN ('received', 'processed', 'ignored')"), ("source", "source IN ('webhook', 'reconcile')")],
        indexes=[Index(("received_at",), where="state = 'received'", name="ix_stripe_event_open"), Index(("received_at",))],
        grants=Grants(app="select, insert", worker="select, insert, update (state, why, processed_at), delete"),
    )


def _subscriptions() -> None:
    tenant_table(
        "tenant_subscription",
        # Named for_…, since a table has one scope column; the look-up needs the reseller to come back into scope.
        sa.Column("for_reseller_id", sa.BigInteger, nullable=False),
        sa.Column("account_id", sa.BigInteger, nullable=False),
        sa.Column("customer", sa.Text),
        sa.Column("plan_id", sa.BigInteger),
        sa.Column("subscription", sa.Text),
        sa.Column("state", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("grace_until", _WHEN),
        sa.Column("period_start", _WHEN),
        sa.Column("period_end", _WHEN),
        sa.Column("trial_ends_at", _WHEN),
        sa.Column("cancels_at", _WHEN),
        sa.Column("checkout_plan_id", sa.BigInteger),
        sa.Column("checkout_session", sa.Text),
        sa.Column("checkout_url", sa.Text),
        sa.Column("checkout_expires_at", _WHEN),
        sa.Column("ticket", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("applied_ticket", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("changed_at", _WHEN, nullable=False),
        checks=[
            ("state", "state IN ('trialing', 'active', 'grace', 'paused', 'cancelled')"),
            ("grace", "state IS DISTINCT FROM 'grace' OR grace_until IS NOT NULL"),
            ("subscribed", "state IS NULL OR (plan_id IS NOT NULL AND subscription IS NOT NULL AND customer IS NOT NULL)"),
            ("ticket", "applied_ticket <= ticket"),
        ],
        indexes=[
            Index((), unique=True, name="uq_tenant_subscription_one"),
            Index(("grace_until",), where="state = 'grace'", name="ix_tenant_subscription_grace"),
        ],
        grants=Grants(
            app="select, insert, update",
            worker="select, insert, update",
            lookup="select (tenant_id, for_reseller_id, plan_id, state, grace_until)",
        ),
    )


def _lookups() -> None:
    lookup_function(
        "stripe_account_reseller(wanted bigint)",
        returns="bigint",
        body="SELECT a.reseller_id FROM stripe_account a WHERE a.id = wanted",
        callers=("app", "worker"),
    )
    lookup_function(
        "stripe_accounts_connected()",
        returns="TABLE (of_reseller_id bigint, account_id bigint)",
        body="SELECT a.reseller_id, a.id FROM stripe_account a WHERE a.state = 'connected' ORDER BY a.id",
        callers=("worker",),
    )
    lookup_function(
        "subscription_overview()",
        returns="TABLE (o_tenant_id bigint, plan_id bigint, state text, grace_until timestamptz)",
        body=(
            "SELECT s.tenant_id, s.plan_id, s.state, s.grace_until FROM tenant_subscription s WHERE s.state IS NOT NULL"
            " AND s.for_reseller_id = nullif(current_setting('posthouse.reseller_id', true), '')::bigint"
            " AND nullif(current_setting('posthouse.tenant_id', true), '') IS NULL"
        ),
        callers=("app", "worker"),
    )
    lookup_function(
        "subscriptions_whose_grace_is_over(at timestamptz)",
        returns="TABLE (of_reseller_id bigint, of_tenant_id bigint)",
        body="SELECT s.for_reseller_id, s.tenant_id FROM tenant_subscription s WHERE s.state = 'grace' AND s.grace_until <= at"
        " ORDER BY s.grace_until LIMIT 1000",
        callers=("worker",),
    )


def downgrade() -> None:
    """Drop what this revision names."""
    drop_lookups(
        "subscription_overview()",
        "subscriptions_whose_grace_is_over(timestamptz)",
        "stripe_accounts_connected()",
        "stripe_account_reseller(bigint)",
    )
    drop_tables("tenant_subscription", "stripe_event", "stripe_customer", "plan", "stripe_account")

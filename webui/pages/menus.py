"""The menus of the three places."""

from __future__ import annotations

from posthouse.billing.permissions import PLANS_READ
from posthouse.inbound.permissions import MANAGE_BOXES, MANAGE_PROVIDERS, READ_INBOUND, READ_INBOUND_BELOW, READ_UNMATCHED
from posthouse.platform.scope import Reach
from posthouse.sending import permissions as sending
from posthouse.sending.pools import permissions as pools
from posthouse.sending.standing import permissions as standings
from posthouse.tenants import permissions as tenants
from posthouse.tenants.quotas import permissions as quotas
from posthouse.webui.edge.navigation import Group, Item, offer
from posthouse.webui.webhooks.permissions import READ_WEBHOOKS


def offer_menus() -> None:
    """Set the menus; may be repeated."""
    _offer_operator()
    _offer_reseller()
    _offer_tenant()


def _offer_operator() -> None:
    offer(
        Reach.OPERATOR,
        Group("", (Item("Overview", "/", "home"), Item("Resellers", "/operator/resellers", "building-store", tenants.READ_INSTALLATION))),
        Group(
            "Installation",
            (
                Item("Pools and routes", "/operator/pools", "route", pools.MANAGE),
                Item("Provider reports", "/operator/providers", "link", MANAGE_PROVIDERS),
                Item("Bounce mailboxes", "/operator/boxes", "inbox", MANAGE_BOXES),
                Item("Sending health", "/operator/sending-health", "heartbeat", standings.FLOORS),
                Item("Unmatched mail", "/operator/mail", "inbox", READ_UNMATCHED),
                Item("People", "/operator/people", "users-group", tenants.MANAGE_RESELLERS),
                Item("Audit log", "/operator/audit", "history", tenants.READ_OPERATOR_AUDIT),
            ),
        ),
    )


def _offer_reseller() -> None:
    offer(
        Reach.RESELLER,
        Group("", (Item("Overview", "/", "home"), Item("Tenants", "/reseller/tenants", "building", tenants.READ_TENANTS))),
        Group(
            "Your business",
            (
                Item("Plans and payments", "/reseller/plans", "credit-card", PLANS_READ),
                Item("Pools", "/reseller/pools", "route", pools.READ),
                Item("Sending health", "/reseller/sending-health", "heartbeat", standings.MANAGE),
                Item("What is this mail?", "/reseller/mail", "inbox", READ_INBOUND_BELOW),
                Item("Brand", "/reseller/brand", "palette", tenants.MANAGE_BRAND),
                Item("People", "/reseller/people", "users-group", tenants.MANAGE_RESELLER_PEOPLE),
                Item("Audit log", "/reseller/audit", "history", tenants.READ_RESELLER_AUDIT),
            ),
        ),
    )


def _offer_tenant() -> None:
    offer(
        Reach.TENANT,
        Group("", (Item("Home", "/", "home"), Item("Campaigns", "/campaigns", "send", sending.READ_CAMPAIGNS))),
        Group(
            "Audience",
            (
                Item("Contacts", "/contacts", "address-book", tenants.READ_CONTACTS),
                Item("Lists", "/lists", "list", tenants.READ_LISTS),
                Item("Imports", "/imports", "file-import", tenants.READ_CONTACTS),
                Item("Fields", "/fields", "tags", tenants.READ_CONTACTS),
                Item("Suppressions", "/suppressions", "ban", tenants.READ_SUPPRESSIONS),
            ),
        ),
        Group(
            "Sending",
            (
                Item("Domains", "/domains", "world", sending.READ_DOMAINS),
                Item("Messages", "/messages", "mail-fast", sending.READ_MESSAGES),
                Item("Sending health", "/sending-health", "heartbeat", sending.READ_CAMPAIGNS),
                Item("Answers", "/answers", "arrow-back-up", READ_INBOUND),
                Item("Inbound mail", "/mail", "inbox", READ_INBOUND),
            ),
        ),
        Group(
            "Account",
            (
                Item("Plan and usage", "/plan", "gauge", quotas.READ),
                Item("Profile", "/profile", "building", tenants.READ_PROFILE),
                Item("People", "/people", "users-group", tenants.MANAGE_PEOPLE),
                Item("API keys", "/keys", "key", tenants.MANAGE_KEYS),
                Item("Webhooks", "/webhooks", "link", READ_WEBHOOKS),
                Item("Audit log", "/audit", "history", tenants.READ_AUDIT),
            ),
        ),
    )

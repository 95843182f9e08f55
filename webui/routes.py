"""All blueprints of the web application, and the menus that lead to them."""

from __future__ import annotations

from flask import Blueprint

from posthouse.webui.api import answers as api_answers
from posthouse.webui.api import campaigns as api_campaigns
from posthouse.webui.api import contacts as api_contacts
from posthouse.webui.api import docs as api_docs
from posthouse.webui.api import edge as api
from posthouse.webui.api import messages as api_messages
from posthouse.webui.api import webhooks as api_webhooks
from posthouse.webui.edge import assets, brands
from posthouse.webui.hooks import providers, stripe
from posthouse.webui.pages import (
    account,
    allowances,
    answers,
    asking,
    audit,
    boxes,
    campaigns,
    choices,
    contacts,
    domain_reports,
    domains,
    entering,
    fields,
    help_pages,
    home,
    imports,
    keys,
    learning,
    limits,
    lists,
    mail,
    mailboxes,
    messages,
    operator,
    people,
    plan,
    pools,
    previews,
    profile,
    provider_hooks,
    reports,
    reseller,
    selling,
    session,
    standings,
    suppressions,
    ways,
    webhooks,
)
from posthouse.webui.pages.menus import offer_menus
from posthouse.webui.public import health, links

__all__ = ["blueprints", "offer_menus"]


# The interface's modules put their routes on one blueprint.
API_MODULES = (api_contacts, api_campaigns, api_messages, api_answers, api_webhooks, api_docs)


def blueprints() -> list[Blueprint]:
    """List every blueprint."""
    pages = [
        session,
        account,
        home,
        contacts,
        fields,
        lists,
        imports,
        suppressions,
        campaigns,
        previews,
        reports,
        domains,
        domain_reports,
        people,
        keys,
        webhooks,
        profile,
        audit,
        help_pages,
        plan,
        messages,
        answers,
        mail,
        reseller,
        selling,
        pools,
        choices,
        ways,
        limits,
        mailboxes,
        standings,
        allowances,
        operator,
        provider_hooks,
        boxes,
        asking,
        learning,
        entering,
    ]
    return [
        assets.blueprint,
        brands.blueprint,
        *(page.blueprint for page in pages),
        links.blueprint,
        health.blueprint,
        stripe.blueprint,
        providers.blueprint,
        api.blueprint,
    ]

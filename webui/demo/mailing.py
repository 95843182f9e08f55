"""What a tenant does before its first mail: verify its domain, import its contacts, write its campaign, start it."""

from __future__ import annotations

import io

from posthouse.platform import ids
from posthouse.platform.app import house
from posthouse.platform.db import transaction
from posthouse.platform.settings import Settings
from posthouse.sending.campaigns import services as campaigns
from posthouse.sending.domains import queries as domain_queries
from posthouse.sending.domains import services as domains
from posthouse.tenants.imports import queries as import_queries
from posthouse.tenants.imports import services as imports
from posthouse.tenants.keys import services as keys
from posthouse.tenants.lists import services as lists
from posthouse.webui.demo.accounts import Player
from posthouse.webui.demo.stage import DemoFailed, call, until


def publish_domain(settings: Settings, player: Player) -> int:
    """Add the sending domain, publish its records in the simulator's name server and ask for the check; returns its id."""
    with transaction(player.scope):
        card = domains.add_domain(player.scope, domain=player.part.domain)
    records = [{"name": each.record.name, "type": each.record.type, "value": each.record.value} for each in card.records]
    status, answer = call("PUT", f"http://127.0.0.1:{settings.simulator_state_port}/dns", records)
    if status != 200:
        raise DemoFailed(f"The records of {player.part.domain} could not be published: {answer}")
    with transaction(player.scope):
        domains.ask_for_check(player.scope, domain_id=card.id)
    return card.id


def await_domain(player: Player, domain_id: int) -> None:
    """Wait until the product has found the records."""

    def verified() -> bool:
        with transaction(player.scope):
            return domain_queries.get_domain(player.scope, domain_id).verified

    until(f"{player.part.domain} is verified", verified)


def start_import(player: Player) -> tuple[int, int]:
    """Hand in the contact file and start its import into a new list; returns the list's id and the import's."""
    file = player.part.contacts()
    with transaction(player.scope):
        list_id = lists.create_list(player.scope, name="Newsletter").id
        card = imports.upload(player.scope, file=io.BytesIO(file.data), file_name=file.name, list_id=list_id)
        imports.start(player.scope, import_id=card.id)
    return list_id, card.id


def await_import(player: Player, import_id: int) -> None:
    """Wait until an import is done. Raises: DemoFailed."""

    def done() -> bool:
        with transaction(player.scope):
            card = import_queries.get_import(player.scope, import_id)
        if card.problem:
            raise DemoFailed(f"The import of {card.file_name} failed: {card.problem}")
        return card.state == "done"

    until(f"the contacts of {player.part.name} are imported", done)


def write_campaign(player: Player, *, list_id: int, domain_id: int) -> int:
    """Write the campaign; returns its id."""
    part = player.part
    kind, source = part.source()
    draft = campaigns.Draft(
        name=part.title,
        list_id=list_id,
        domain_id=domain_id,
        from_name=part.from_name,
        from_local="brief" if part.language == "de" else "lettre" if part.language == "fr" else "letter",
        subject=part.subject,
        preheader=part.preheader,
        kind=kind,
        html=source,
    )
    with transaction(player.scope):
        return campaigns.create_campaign(player.scope, draft).id


def make_key(player: Player) -> str:
    """Make an API key that may read everything and send campaigns; returns the key."""
    names = ("campaigns:read", "campaigns:send", "contacts:read", "lists:read")
    with transaction(player.scope):
        return keys.issue(player.scope, name="Shop system", permissions=names, registry=house().permissions)[1]


def start(player: Player, campaign_id: int) -> None:
    """Start a campaign as its author does."""
    with transaction(player.scope):
        campaigns.start(player.scope, campaign_id=campaign_id)


def start_by_key(settings: Settings, key: str, campaign_id: int) -> None:
    """Start a campaign as a program does. Raises: DemoFailed."""
    status, answer = call("POST", f"{settings.public_url}/api/v1/campaigns/{ids.encode('cmp', campaign_id)}/start", {}, key=key)
    if status != 202:
        raise DemoFailed(f"The campaign could not be started by API key: {status} {answer}")

"""The demonstration as named steps: accounts, domains, contacts, plan, campaigns, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import sleep
from typing import Any

from posthouse.platform import clock
from posthouse.platform.settings import Settings
from posthouse.webui.demo import agreement, isolation, mailing, shop
from posthouse.webui.demo.accounts import Company, Player
from posthouse.webui.demo.agreement import Disagreement
from posthouse.webui.demo.figures import Account, count
from posthouse.webui.demo.stage import call

#: From the start of the campaigns until every figure of both sides agrees.
SETTLE_SECONDS = 300.0
TELL_EVERY_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.5

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it. `disagreements` is empty when both sides agree."""

    accounts: tuple[Account, ...]
    simulator: dict[str, int]
    foreign_rows: int
    disagreements: tuple[Disagreement, ...]

    @property
    def well(self) -> bool:
        """Whether everything is as it should be."""
        return not self.disagreements and self.foreign_rows == 0


def play(settings: Settings, company: Company, say: Say) -> Outcome:
    """Play all of it. Raises: DemoFailed when a step does not happen in time."""
    say("Publishing the sending domains, handing in the contact files")
    domains = [mailing.publish_domain(settings, player) for player in company.players]
    imports = [mailing.start_import(player) for player in company.players]
    for player in company.players:
        if player.part.by_plan:
            say(f"{player.part.name} pays for its plan")
            shop.subscribe(settings, company.reseller, player)
    for player, domain_id, (_, import_id) in zip(company.players, domains, imports, strict=True):
        mailing.await_domain(player, domain_id)
        mailing.await_import(player, import_id)
    campaigns = [
        mailing.write_campaign(player, list_id=list_id, domain_id=domain_id)
        for player, domain_id, (list_id, _) in zip(company.players, domains, imports, strict=True)
    ]
    say("Starting three campaigns through one shared pool")
    key = _start_all(settings, company, campaigns)
    accounts, state, open_questions = _watch(settings, company, campaigns, say)
    others = [number for player, number in zip(company.players, campaigns, strict=True) if not player.part.by_key]
    foreign = isolation.foreign_rows(settings, company.players) + isolation.foreign_answers(settings, key, others)
    totals = {name: state["totals"][name] for name in ("accepted", "dkim_pass", "dkim_fail", "duplicates")}
    return Outcome(accounts=accounts, simulator=totals, foreign_rows=foreign, disagreements=open_questions)


def _start_all(settings: Settings, company: Company, campaigns: list[int]) -> str:
    key = ""
    for player, campaign_id in zip(company.players, campaigns, strict=True):
        if player.part.by_key:
            key = mailing.make_key(player)
            mailing.start_by_key(settings, key, campaign_id)
        else:
            mailing.start(player, campaign_id)
    return key


def _watch(
    settings: Settings, company: Company, campaigns: list[int], say: Say
) -> tuple[tuple[Account, ...], dict[str, Any], tuple[Disagreement, ...]]:
    """Look until all is at rest and agreed on, or the time is over."""
    began = told = clock.monotonic()
    while True:
        state = call("GET", f"http://127.0.0.1:{settings.simulator_state_port}/state")[1]
        accounts = [count(player, campaign_id) for player, campaign_id in zip(company.players, campaigns, strict=True)]
        found = agreement.disagreements(
            [(_domain(player), account) for player, account in zip(company.players, accounts, strict=True)], state
        )
        at_rest = state["quiet"] and all(account.at_rest for account in accounts)
        now = clock.monotonic()
        if at_rest and not found:
            return tuple(accounts), state, ()
        if now - began > SETTLE_SECONDS:
            if not at_rest:
                say("Mail was still under way when the time was over")
            return tuple(accounts), state, tuple(found) or (Disagreement("all", "still under way", 1, 0),)
        if now - told > TELL_EVERY_SECONDS:
            told = now
            say(_progress(accounts, state))
        sleep(LOOK_EVERY_SECONDS)


def _domain(player: Player) -> str:
    return player.part.domain


def _progress(accounts: list[Account], state: dict[str, Any]) -> str:
    sent = sum(account.figures.sent for account in accounts)
    back = sum(state["totals"][name] for name in ("bounces", "complaints", "unsubscribes", "opens", "clicks"))
    return f"    {sent:,} sent, {back:,} bounces, complaints, opens, clicks and unsubscribes came back"

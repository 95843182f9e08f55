"""What an address does follows from scenario, seed and address alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.sending.simulator import rules
from posthouse.sending.simulator.cards import Engagement, Stage
from posthouse.sending.simulator.scenario import ScenarioError, load, parse

SCENARIO = load()


@given(
    local=st.text(alphabet="abcxyz0159.-_+", min_size=1, max_size=30),
    domain=st.sampled_from(["gmail.example", "firma.example", "bücher.example"]),
)
def test_a_plan_is_the_same_each_time_and_in_any_case(local: str, domain: str) -> None:
    """Two decisions about one address agree; upper case changes nothing but the quoted address."""
    once = rules.decide(SCENARIO, f"{local}@{domain}")
    assert rules.decide(SCENARIO, f"{local}@{domain}") == once
    loud = rules.decide(SCENARIO, f"{local}@{domain}".upper())
    assert (loud.provider, loud.bounce_shape, loud.engagements, loud.deferrals) == (
        once.provider,
        once.bounce_shape,
        once.engagements,
        once.deferrals,
    )


def test_the_seed_changes_who_does_what() -> None:
    """Another seed gives another assignment."""
    addresses = [f"person{number}@gmail.example" for number in range(300)]
    other = replace(SCENARIO, seed=SCENARIO.seed + 1)
    assert [rules.decide(SCENARIO, one) for one in addresses] != [rules.decide(other, one) for one in addresses]


def test_shares_are_kept() -> None:
    """Of many addresses of a provider about the stated share is refused as unknown and opens."""
    plans = [rules.decide(SCENARIO, f"person{number}@yahoo.example") for number in range(6000)]
    unknown = sum(1 for plan in plans if plan.refusal and "not found" in plan.refusal.text)
    opens = sum(1 for plan in plans if Engagement.OPEN in plan.engagements)
    assert 0.02 < unknown / 6000 < 0.04
    assert 0.25 < opens / 6000 < 0.33


def test_a_domain_has_one_provider_and_all_get_some() -> None:
    """Domains that nobody lists are spread over the providers, each whole."""
    names = Counter(rules.provider_of(SCENARIO, f"company{number}.example").name for number in range(500))
    assert set(names) == {provider.name for provider in SCENARIO.providers}
    assert rules.provider_of(SCENARIO, "gmail.example").name == "gmail-like"


@pytest.mark.parametrize(
    ("local", "code", "stage"),
    [("unknown", 550, Stage.RCPT), ("full", 552, Stage.RCPT), ("content", 554, Stage.DATA), ("policy+x", 550, Stage.DATA)],
)
def test_magic_addresses_refuse(local: str, code: int, stage: Stage) -> None:
    """A local part that names a refusal gets it, in the provider's words."""
    plan = rules.decide(SCENARIO, f"{local}@gmail.example")
    assert plan.refusal is not None
    assert (plan.refusal.code, plan.refusal_stage) == (code, stage)


def test_magic_addresses_react() -> None:
    """Every reaction can be asked for by name."""
    at = "@firma.example"
    assert rules.decide(SCENARIO, "bounce+qmail" + at).bounce_shape == "qmail"
    assert rules.decide(SCENARIO, "defer" + at).deferrals == 1
    assert rules.decide(SCENARIO, "full_later" + at).deferrals is None
    assert rules.decide(SCENARIO, "click" + at).engagements == {Engagement.OPEN, Engagement.CLICK}
    assert rules.decide(SCENARIO, "unsubscribe-page" + at).unsubscribe == "page"
    assert rules.decide(SCENARIO, "complain" + at).complaint == "arf"
    assert not rules.decide(SCENARIO, "accept" + at).reacts


def test_a_click_comes_after_its_opening() -> None:
    """The click's wait includes the opening's."""
    seconds = dict(rules.reactions(SCENARIO, rules.decide(SCENARIO, "click@firma.example"), "click@firma.example"))
    assert seconds["click"] > seconds["open"]


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({}, "provider"),
        ({"provider": [{"name": "x", "weight": 1, "arrival": {"nonsense": 0.1}}]}, "nonsense"),
        ({"provider": [{"name": "x", "weight": 1, "arrival": {"unknown": 0.7, "full": 0.7}}]}, "more than 1"),
        ({"provider": [{"name": "x", "weight": 0}]}, "weight"),
        ({"provider": [{"name": "x", "weight": 1}], "pace": {"open": [5, 1]}}, "open"),
        ({"provider": [{"name": "x", "weight": 1}], "replies": {"plain": {"unknown": {"code": 450, "lines": ["x"]}}}}, "5xx"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_reason(table: dict[str, object], word: str) -> None:
    """The sentence names what is wrong."""
    with pytest.raises(ScenarioError, match=word):
        parse(table, {})

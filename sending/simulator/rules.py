"""Decide what an address does: a pure function of scenario, seed and address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from posthouse.sending.simulator.cards import Engagement, Plan, Reply
from posthouse.sending.simulator.scenario import BOUNCES, DEFERRALS, REFUSALS, Phrase, Provider, Scenario

#: Local parts (before any + or -) that choose a behaviour whatever the shares say, so that a person can rehearse it.
MAGIC_ENGAGEMENTS: Mapping[str, frozenset[Engagement]] = {
    "open": frozenset({Engagement.OPEN}),
    "click": frozenset({Engagement.OPEN, Engagement.CLICK}),
    "prefetch": frozenset({Engagement.PREFETCH}),
    "scan": frozenset({Engagement.SCAN}),
}
UNSUBSCRIBES = {"unsubscribe": "one-click", "unsubscribe-page": "page", "unsubscribe-mail": "mail"}
MAGIC_WORDS = frozenset(
    {"accept", "defer", "bounce", "drop", "slow", "complain", "complain-jmrp", "autoreply"}
    | MAGIC_ENGAGEMENTS.keys()
    | UNSUBSCRIBES.keys()
    | set(DEFERRALS)
    | set(REFUSALS)
)
#: How many attempts a deferral puts off: greylisting and rate limits pass on the retry, a full mailbox stays full.
ATTEMPTS: Mapping[str, int | None] = {"greylist": 1, "rate": 1, "busy": 1, "full_later": None}
#: Attempts put off by ``defer@``; ``full_later@`` never accepts.
MAGIC_DEFERRALS = 1
SLOW_SECONDS = 2.0


def decide(scenario: Scenario, address: str, client_ip: str = "127.0.0.1") -> Plan:
    """Return what an address does with every letter; the same for the same scenario, whatever the case of the address."""
    local, _, domain = address.lower().rpartition("@")
    provider = provider_of(scenario, domain)
    plain = Plan(provider=provider.name, style=provider.style, latency_seconds=provider.latency_seconds)
    speaker = _Speaker(scenario, provider, address, domain, client_ip)
    word, _, detail = local.partition("+")
    if word in MAGIC_WORDS:
        return _magic(plain, speaker, word, detail)
    return _by_shares(plain, speaker)


def provider_of(scenario: Scenario, domain: str) -> Provider:
    """Return whose mailboxes a domain has: the provider that lists it, else one drawn by weight for the whole domain."""
    for provider in scenario.providers:
        if domain in provider.domains:
            return provider
    weights = {number: provider.weight for number, provider in enumerate(scenario.providers)}
    total = sum(weights.values())
    drawn = _draw({str(number): weight / total for number, weight in weights.items()}, chance(scenario.seed, domain, "provider"))
    return scenario.providers[int(drawn or "0")]


def chance(seed: int, subject: str, question: str) -> float:
    """Return a number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}\0{subject}\0{question}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def delay_seconds(scenario: Scenario, address: str, reaction: str) -> float:
    """Return how long after acceptance (for a click: after the opening) an address reacts, within the scenario's pace."""
    least, most = scenario.pace[reaction]
    return least + (most - least) * chance(scenario.seed, address.lower(), f"delay {reaction}")


def reactions(scenario: Scenario, plan: Plan, address: str) -> list[tuple[str, float]]:
    """Return what an address does after acceptance and after how many seconds; a click waits for its opening."""
    verbs = [
        *(["bounce"] if plan.bounce else []),
        *(["complaint"] if plan.complaint else []),
        *(["autoreply"] if plan.autoreply else []),
        *(["unsubscribe"] if plan.unsubscribe else []),
        *sorted(kind.value for kind in plan.engagements),
    ]
    seconds = {verb: delay_seconds(scenario, address, verb) for verb in verbs}
    if "click" in seconds:
        seconds["click"] += seconds.get("open", 0.0)
    return list(seconds.items())


class _Speaker:
    """Says a kind of reply in one provider's words, and draws for one address."""

    def __init__(self, scenario: Scenario, provider: Provider, address: str, domain: str, client_ip: str) -> None:
        self.scenario, self.provider, self.address = scenario, provider, address
        self._places = {"address": address, "domain": domain, "ip": client_ip}

    def phrase(self, kind: str) -> Phrase:
        return self.scenario.phrase(self.provider.style, kind)

    def say(self, kind: str) -> Reply:
        phrase = self.phrase(kind)
        return Reply(phrase.code, phrase.status, tuple(line.format_map(self._places) for line in phrase.lines))

    def chance(self, question: str) -> float:
        return chance(self.scenario.seed, self.address.lower(), question)

    def pick(self, choices: tuple[str, ...], question: str) -> str:
        return choices[int(self.chance(question) * len(choices))]


def _magic(plan: Plan, speaker: _Speaker, word: str, detail: str) -> Plan:
    if word in REFUSALS:
        return _refuse(plan, speaker, word)
    if word in DEFERRALS or word == "defer":
        kind = "greylist" if word == "defer" else word
        return _defer(plan, speaker, kind, MAGIC_DEFERRALS if word == "defer" else ATTEMPTS[kind])
    if word == "bounce":
        return _bounce(plan, speaker, "unknown", detail or speaker.pick(speaker.provider.bounce_shapes, "shape"))
    if word in UNSUBSCRIBES:
        return replace(plan, unsubscribe=UNSUBSCRIBES[word])
    if word in MAGIC_ENGAGEMENTS:
        return replace(plan, engagements=MAGIC_ENGAGEMENTS[word])
    others = {
        "accept": plan,
        "drop": replace(plan, drops_connection=True),
        "slow": replace(plan, latency_seconds=SLOW_SECONDS),
        "complain": replace(plan, complaint="arf"),
        "complain-jmrp": replace(plan, complaint="jmrp"),
        "autoreply": replace(plan, autoreply=speaker.pick(("en", "de", "fr", "es"), "language")),
    }
    return others[word]


def _by_shares(plan: Plan, speaker: _Speaker) -> Plan:
    kind = _draw(speaker.provider.arrival, speaker.chance("arrival"))
    if kind in REFUSALS:
        return _refuse(plan, speaker, kind)
    if kind in BOUNCES:
        shape = speaker.pick(speaker.provider.bounce_shapes, "shape")
        return _bounce(plan, speaker, kind.removeprefix("bounce_"), shape)
    if kind in DEFERRALS:
        plan = _defer(plan, speaker, kind, ATTEMPTS[kind])
    return _engage(_afterwards(plan, speaker), speaker)


def _refuse(plan: Plan, speaker: _Speaker, kind: str) -> Plan:
    return replace(plan, refusal=speaker.say(kind), refusal_stage=speaker.phrase(kind).stage)


def _defer(plan: Plan, speaker: _Speaker, kind: str, attempts: int | None) -> Plan:
    return replace(plan, deferral=speaker.say(kind), deferral_stage=speaker.phrase(kind).stage, deferrals=attempts)


def _bounce(plan: Plan, speaker: _Speaker, kind: str, shape: str) -> Plan:
    return replace(plan, bounce=speaker.say(kind), bounce_shape=shape)


def _afterwards(plan: Plan, speaker: _Speaker) -> Plan:
    match _draw(speaker.provider.afterwards, speaker.chance("afterwards")):
        case "complaint" if speaker.provider.complaint_shape:
            return replace(plan, complaint=speaker.provider.complaint_shape)
        case "autoreply":
            return replace(plan, autoreply=speaker.pick(("en", "de", "fr", "es"), "language"))
        case "unsubscribe":
            return replace(plan, unsubscribe=speaker.pick(("one-click", "one-click", "page", "mail"), "unsubscribe"))
        case _:
            return plan


def _engage(plan: Plan, speaker: _Speaker) -> Plan:
    shares = speaker.provider.engagement
    wanted = {kind for kind in Engagement if speaker.chance(kind.value) < shares.get(kind.value, 0.0)}
    if Engagement.OPEN not in wanted:
        # Who has not opened a letter cannot click in it.
        wanted.discard(Engagement.CLICK)
    return replace(plan, engagements=frozenset(wanted))


def _draw(shares: Mapping[str, float], drawn: float) -> str:
    """Return the kind on whose stretch of [0, 1) the draw falls, or an empty string beyond them all."""
    for kind, share in shares.items():
        if drawn < share:
            return kind
        drawn -= share
    return ""

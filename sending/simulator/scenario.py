"""A scenario: which providers there are, what they say, and what share of their addresses does what."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from posthouse.sending.simulator.cards import Engagement, Stage

#: What can happen when a letter arrives; the rest of the addresses accept. Kinds in BOUNCES accept and report later.
DEFERRALS = ("greylist", "rate", "busy", "full_later")
REFUSALS = ("unknown", "disabled", "full", "no_host", "blocked", "policy", "content", "too_big")
BOUNCES = ("bounce_unknown", "bounce_full", "bounce_disabled", "bounce_policy", "bounce_no_host", "bounce_content")
AFTERWARDS = ("complaint", "autoreply", "unsubscribe")
PACES = ("bounce", "complaint", "autoreply", *(kind.value for kind in Engagement))


class ScenarioError(ValueError):
    """A scenario that cannot be played; the sentence names the entry and says what is allowed there."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A reply with places for address, domain and client address, and the stage at which it is said."""

    code: int
    status: str
    lines: tuple[str, ...]
    stage: Stage


@dataclass(frozen=True, slots=True)
class Provider:
    """One mailbox provider: its domains, its words and the shares of its addresses."""

    name: str
    style: str
    domains: tuple[str, ...]
    weight: float
    bounce_shapes: tuple[str, ...]
    complaint_shape: str
    latency_seconds: float
    arrival: Mapping[str, float]
    afterwards: Mapping[str, float]
    engagement: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scenario:
    """All that decides what every address does; the same scenario and address always give the same plan."""

    seed: int
    providers: tuple[Provider, ...]
    phrases: Mapping[str, Mapping[str, Phrase]]
    #: Least and most seconds between acceptance and each reaction.
    pace: Mapping[str, tuple[float, float]]

    def phrase(self, style: str, kind: str) -> Phrase:
        """Return what a style says for a kind, or what ``plain`` says."""
        return self.phrases.get(style, {}).get(kind) or self.phrases["plain"][kind]


def load(path: Path | None = None) -> Scenario:
    """Read a scenario file (TOML), or the one that ships when None is given.

    Raises:
        ScenarioError: the file cannot be read or says something unknown.
    """
    try:
        text = path.read_text("utf-8") if path else _shipped("default.toml")
        return parse(tomllib.loads(text), tomllib.loads(_shipped("replies.toml")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        message = f"the scenario {path} cannot be read: {fault}"
        raise ScenarioError(message) from fault


def parse(table: Mapping[str, Any], replies: Mapping[str, Any]) -> Scenario:
    """Build a scenario from its table and the reply texts; a scenario's own ``replies`` go before the shipped ones.

    Raises:
        ScenarioError: an entry is unknown, missing or out of range.
    """
    _only(table, "the scenario", {"seed", "pace", "provider", "replies"})
    phrases = {style: _phrases(style, kinds) for style, kinds in replies.items()}
    for style, kinds in table.get("replies", {}).items():
        phrases[style] = {**phrases.get(style, {}), **_phrases(style, kinds)}
    providers = tuple(_provider(entry) for entry in table.get("provider", []))
    _ensure(bool(providers), "the scenario has no [[provider]]: name at least one")
    _ensure(sum(p.weight for p in providers) > 0, "no [[provider]] has a weight above 0: unknown domains would belong to nobody")
    pace = {name: _pace(table, name) for name in PACES}
    return Scenario(seed=int(table.get("seed", 0)), providers=providers, phrases=phrases, pace=pace)


def _shipped(name: str) -> str:
    return files("posthouse.sending.simulator").joinpath("scenarios", name).read_text("utf-8")


def _provider(entry: Mapping[str, Any]) -> Provider:
    name = str(entry.get("name", ""))
    _ensure(bool(name), "a [[provider]] has no name: give it one")
    known = {"name", "style", "domains", "weight", "bounce_shapes", "complaint_shape", "latency_ms", "arrival", "afterwards", "engagement"}
    _only(entry, f"provider {name}", known)
    return Provider(
        name=name,
        style=str(entry.get("style", "plain")),
        domains=tuple(str(domain).lower() for domain in entry.get("domains", [])),
        weight=float(entry.get("weight", 0)),
        bounce_shapes=tuple(entry.get("bounce_shapes", ["postfix"])),
        complaint_shape=str(entry.get("complaint_shape", "")),
        latency_seconds=float(entry.get("latency_ms", 0)) / 1000,
        arrival=_shares(entry, name, "arrival", (*DEFERRALS, *REFUSALS, *BOUNCES)),
        afterwards=_shares(entry, name, "afterwards", AFTERWARDS),
        engagement=_shares(entry, name, "engagement", tuple(kind.value for kind in Engagement), together=False),
    )


def _shares(entry: Mapping[str, Any], name: str, part: str, kinds: tuple[str, ...], *, together: bool = True) -> dict[str, float]:
    shares = {str(kind): float(share) for kind, share in entry.get(part, {}).items()}
    _only(shares, f"{part} of provider {name}", set(kinds))
    _ensure(all(0 <= share <= 1 for share in shares.values()), f"{part} of provider {name}: each share lies between 0 and 1")
    _ensure(not together or sum(shares.values()) <= 1, f"{part} of provider {name}: the shares add up to more than 1")
    return shares


def _phrases(style: str, kinds: Mapping[str, Any]) -> dict[str, Phrase]:
    return {kind: _phrase(style, kind, entry) for kind, entry in kinds.items()}


def _phrase(style: str, kind: str, entry: Mapping[str, Any]) -> Phrase:
    code, lines = int(entry.get("code", 0)), tuple(str(line) for line in entry.get("lines", []))
    wanted = 4 if kind in DEFERRALS else 5
    _ensure(code // 100 == wanted, f"reply {style}.{kind}: the code must be {wanted}xx, not {code}")
    _ensure(bool(lines), f"reply {style}.{kind}: lines are missing")
    return Phrase(code, str(entry.get("status", "")), lines, Stage(entry.get("stage", "rcpt")))


def _pace(table: Mapping[str, Any], name: str) -> tuple[float, float]:
    least, most = table.get("pace", {}).get(name, (0.5, 5.0))
    _ensure(0 <= least <= most, f"pace of {name}: give the least and the most seconds, in this order")
    return float(least), float(most)


def _only(entry: Mapping[str, Any], where: str, known: set[str]) -> None:
    unknown = sorted(set(entry) - known)
    _ensure(not unknown, f"{where} says {', '.join(unknown)}: known are {', '.join(sorted(known))}")


def _ensure(condition: bool, sentence: str) -> None:  # noqa: FBT001 - reads as assert does
    if not condition:
        raise ScenarioError(sentence)

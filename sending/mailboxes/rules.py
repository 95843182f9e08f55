"""Say which mailbox provider a recipient's domain belongs to; pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.resources import files

OTHER = "other"


@lru_cache(maxsize=10_000)
def group_of(domain: str) -> str:
    """Return the key of the provider's group, "other" where the domain belongs to none."""
    exact, wide = _domains()
    name = domain.strip(".").lower()
    found = exact.get(name)
    if found is not None:
        return found
    first, _, ending = name.partition(".")
    # co.uk, com.br: an ending has at most two parts, or "yahoo.example.com" would count as Yahoo's.
    return wide.get(first, OTHER) if ending and _is_public(ending) else OTHER


def _is_public(ending: str) -> bool:
    parts = ending.split(".")
    return len(parts) == 1 or (len(parts) == 2 and parts[0] in {"co", "com", "net", "org"} and len(parts[1]) == 2)


@cache
def names() -> Mapping[str, str]:
    """Return what people call each group, by key."""
    return {key: str(values["name"]) for key, values in _raw().items()} | {OTHER: "All others"}


@cache
def _domains() -> tuple[Mapping[str, str], Mapping[str, str]]:
    every = [(domain, key) for key, values in _raw().items() for domain in values["domains"]]
    wide = {domain.removesuffix(".*"): key for domain, key in every if domain.endswith(".*")}
    return {domain: key for domain, key in every if not domain.endswith(".*")}, wide


@cache
def _raw() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((files(__package__) / "groups.toml").read_text("utf-8"))

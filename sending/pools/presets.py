"""Presets of routes: what is filled in for a known provider or server. Data, read once from the file beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

BY_PORT = "port"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A known way out. `most_bytes`, `per_minute` and `per_day` are None where the provider names no figure.

    `webhook` names a report format of the inbound room, empty where bounces come back by mail only. `virtual_mta` is the
    header that chooses one of a server's own addresses, "port" where each address has a port, else empty; `own_addresses` says what the
    server must be told for that, and what becomes of the header.
    """

    key: str
    name: str
    hosts: Mapping[str, str]
    port: int
    tls: str
    sign_in: str
    connections: int
    messages: int
    username: str = ""
    other_ports: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    webhook: str = ""
    virtual_mta: str = ""
    own_addresses: str = ""
    most_bytes: int | None = None
    per_minute: int | None = None
    per_day: int | None = None

    @property
    def virtual_mta_header(self) -> str:
        """The header that carries a virtual MTA's name; empty where there is none."""
        return "" if self.virtual_mta == BY_PORT else self.virtual_mta


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by key, as the file orders them."""
    raw = tomllib.loads((files(__package__) / "presets.toml").read_text("utf-8"))
    return MappingProxyType({key: _preset(key, values) for key, values in raw.items()})


def _preset(key: str, values: Mapping[str, Any]) -> Preset:
    lists = {name: tuple(values[name]) for name in ("other_ports", "headers") if name in values}
    return Preset(**{"key": key, **values, **lists, "hosts": MappingProxyType(values["hosts"])})
